// A handler in Go: net/http behind nginx, kept connections to the portal (as
// many idle ones as there are requests; the default is two a host), one call
// for all messages of an event. It stores nothing; the channel is left out.
//
//	handler SOCKET CA-FILE
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const token = "831c76b092f9f135d9b6b36c3a720757"

type message struct {
	Im struct {
		ChatID    string `json:"chat_id"`
		MessageID string `json:"message_id"`
	} `json:"im"`
	Message struct {
		ID   []string `json:"id"`
		Date int64    `json:"date"`
	} `json:"message"`
	Chat struct {
		ID string `json:"id"`
	} `json:"chat"`
}

type status struct {
	Connector string    `json:"CONNECTOR"`
	Line      string    `json:"LINE"`
	Auth      string    `json:"auth"`
	Messages  []message `json:"MESSAGES"`
}

var client *http.Client
var dialer net.Dialer

func call(endpoint, method string, params any) error {
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	answer, err := client.Post(endpoint+method, "application/json",
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var result map[string]any
	return json.Unmarshal(text, &result)
}

func handle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := r.ParseForm(); err != nil {
		http.Error(w, `{"error":"MALFORMED"}`, http.StatusBadRequest)
		return
	}
	form := r.PostForm
	given := form.Get("auth[application_token]")
	if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
		http.Error(w, `{"error":"WRONG_TOKEN"}`, http.StatusForbidden)
		return
	}
	s := status{
		Connector: form.Get("data[CONNECTOR]"),
		Line:      form.Get("data[LINE]"),
		Auth:      form.Get("auth[access_token]"),
	}
	for i := 0; ; i++ {
		at := fmt.Sprintf("data[MESSAGES][%d]", i)
		if !form.Has(at + "[im][message_id]") {
			break
		}
		var m message
		var id [12]byte
		_, _ = rand.Read(id[:])
		m.Im.ChatID = form.Get(at + "[im][chat_id]")
		m.Im.MessageID = form.Get(at + "[im][message_id]")
		m.Message.ID = []string{hex.EncodeToString(id[:])}
		m.Message.Date = time.Now().Unix()
		m.Chat.ID = form.Get(at + "[chat][id]")
		s.Messages = append(s.Messages, m)
	}
	err := call(form.Get("auth[client_endpoint]"),
		"imconnector.send.status.delivery", s)
	if err != nil {
		http.Error(w, `{"error":"FAILED"}`, http.StatusBadGateway)
		return
	}
	_, _ = io.WriteString(w, `{"result":true}`)
}

func main() {
	log.SetFlags(0)
	pem, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client = &http.Client{
		Timeout: 65 * time.Second,
		Transport: &http.Transport{
			// *.localhost is this machine, as curl has it
			DialContext: func(c context.Context, network, to string) (
				net.Conn, error) {
				host, port, _ := net.SplitHostPort(to)
				if strings.HasSuffix(host, ".localhost") {
					to = net.JoinHostPort("127.0.0.1", port)
				}
				return dialer.DialContext(c, network, to)
			},
			MaxIdleConnsPerHost: 1024,
			TLSClientConfig:     &tls.Config{RootCAs: roots},
		},
	}
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.Serve(listener, http.HandlerFunc(handle)))
}
