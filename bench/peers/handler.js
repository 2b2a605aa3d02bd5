// A handler for Node: one process, undici as it comes and so with kept
// connections to the portal, one call for all messages of an event. It stores
// nothing; the channel is left out. Needs Debian's node-undici.
//
//     node handler.js SOCKET CA-FILE
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const undici = require('undici');

const TOKEN = Buffer.from('831c76b092f9f135d9b6b36c3a720757');
const [socket, caFile] = process.argv.slice(2);
undici.setGlobalDispatcher(new undici.Agent({
  connect: { ca: fs.readFileSync(caFile) },
}));

async function call(endpoint, method, params) {
  const answer = await undici.request(endpoint + method, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      'User-Agent': 'handler.js',
    },
    body: JSON.stringify(params),
  });
  return answer.body.json();
}

async function handle(text) {
  const form = new URLSearchParams(text);
  const token = Buffer.from(form.get('auth[application_token]') || '');
  if (token.length !== TOKEN.length || !crypto.timingSafeEqual(token, TOKEN)) {
    return [403, '{"error":"WRONG_TOKEN"}'];
  }
  const messages = [];
  for (let i = 0; ; i++) {
    const at = `data[MESSAGES][${i}]`;
    const id = form.get(`${at}[im][message_id]`);
    if (id === null) {
      break;
    }
    messages.push({
      im: { chat_id: form.get(`${at}[im][chat_id]`), message_id: id },
      message: { id: [crypto.randomUUID()], date: Date.now() / 1000 | 0 },
      chat: { id: form.get(`${at}[chat][id]`) },
    });
  }
  await call(form.get('auth[client_endpoint]'),
    'imconnector.send.status.delivery', {
      auth: form.get('auth[access_token]'),
      CONNECTOR: form.get('data[CONNECTOR]'),
      LINE: form.get('data[LINE]'),
      MESSAGES: messages,
    });
  return [200, '{"result":true}'];
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    let status, body;
    try {
      [status, body] = await handle(Buffer.concat(chunks).toString());
    } catch (e) {
      [status, body] = [502, '{"error":"FAILED"}'];
    }
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(body);
  });
});
server.listen(socket);
