/*
 * The grammar: equivalent JSON and form bodies come to the same event, at
 * every piece size, whatever the order of keys and however they are numbered.
 * What is refused is in t_grammar_wrong.c.
 *
 * Run by make check.  In the tables ' stands for ".
 */
#include "event_read.h"

/* What is in MESSAGES, as JSON; a field of one element, as a form. */
#define LIST(json) "{'data':{'MESSAGES':" json "}}"
#define M(i, rest) "data[MESSAGES][" i "]" rest
#define FORM(i, chat_id, message_id, chat) M(i, "[im][chat_id]=" chat_id) \
	"&" M(i, "[im][message_id]=" message_id) "&" M(i, "[chat][id]=" chat)
#define JSON(chat_id, message_id, chat) "{'im':{'chat_id':" chat_id \
	",'message_id':" message_id "},'chat':{'id':'" chat "'}}"
#define BODY(chat_id, message_id, chat) "'im':{'chat_id':" chat_id \
	",'message_id':" message_id "},'chat':{'id':'" chat "'}"
#define SAID(i, chat_id, message_id, chat) i ": " chat_id "/" message_id \
	" chat=" chat " own= bad=- " BODY(chat_id, message_id, chat) "\n"

/* One in DATA is kept as it came, too. */
#define WHOLE(i, chat_id, message_id, chat) \
	SAID(i, chat_id, message_id, chat) "whole {'im':{'chat_id':'" \
	chat_id "','message_id':'" message_id "'},'chat':{'id':'" chat "'}}\n"

/* An element that is text: of no use. */
#define TEXT(index, text) index ": 0/0 chat= own= bad=im.chat_id '" text "'\n"

struct same {
	const char *json, *form, *want;
};

static void
expect_same(const struct same *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		expect_event(&codec_json, s[i].json, s[i].want);
		expect_event(&codec_form, s[i].form, s[i].want);
	}
}

static void
test_envelope(void **state)
{
	static const char want[] = "event=OnImConnectorMessageAdd\nts=177\n"
	    "connector=my\nline=107\napplication_token=app\n"
	    "access_token=acc\nmember_id=mem\ndomain=dom\n"
	    "client_endpoint=https://e/rest/\n" SAID("0", "1", "2", "c");
	static const char full[] = "event=OnImConnectorMessageAdd\nts=177\n"
	    "connector=my\nline=107\napplication_token=app\n"
	    "access_token=acc\nmember_id=mem\ndomain=dom\n"
	    "client_endpoint=https://e/rest/\nserver_endpoint=x\n"
	    "refresh_token=r\n" SAID("0", "1", "2", "c");
	static const struct same cases[] = {
		{ "{'event':'OnImConnectorMessageAdd','event_handler_id':5,"
		  "'data':{'CONNECTOR':'my','LINE':107,'MESSAGES':["
		  JSON("1", "2", "c") "]},'ts':177,'auth':{"
		  "'access_token':'acc','expires':1,'expires_in':2,"
		  "'scope':'s','domain':'dom','server_endpoint':'x',"
		  "'status':'F','client_endpoint':'https://e/rest/',"
		  "'member_id':'mem','user_id':27,'refresh_token':'r',"
		  "'application_token':'app'}}",
		  "event=OnImConnectorMessageAdd&event_handler_id=5&"
		  "data[CONNECTOR]=my&data[LINE]=107&"
		  FORM("0", "1", "2", "c") "&ts=177&"
		  "auth[access_token]=acc&auth[expires]=1&"
		  "auth[expires_in]=2&auth[scope]=s&auth[domain]=dom&"
		  "auth[server_endpoint]=x&auth[status]=F&"
		  "auth[client_endpoint]=https%3A%2F%2Fe%2Frest%2F&"
		  "auth[member_id]=mem&auth[user_id]=27&"
		  "auth[refresh_token]=r&auth[application_token]=app", full },
		/* keys sorted, and each container backwards */
		{ "{'auth':{'application_token':'app','member_id':'mem',"
		  "'client_endpoint':'https://e/rest/','domain':'dom',"
		  "'access_token':'acc'},'data':{'MESSAGES':["
		  JSON("1", "2", "c") "],'LINE':'107','CONNECTOR':'my'},"
		  "'event':'OnImConnectorMessageAdd','ts':'177'}",
		  "auth%5Bapplication_token%5D=app&auth%5Bmember_id%5D=mem&"
		  "auth[client_endpoint]=https://e/rest/&auth[domain]=dom&"
		  "auth[access_token]=acc&" FORM("0", "1", "2", "c") "&"
		  "data[LINE]=107&data[CONNECTOR]=my&"
		  "event=OnImConnectorMessageAdd&ts=177", want },
		/* data and auth entered several times */
		{ "{'data':{'LINE':107},'auth':{'member_id':'mem',"
		  "'domain':'dom'},'ts':1,'data':{'MESSAGES':["
		  JSON("1", "2", "c") "]},'event':'OnImConnectorMessageAdd',"
		  "'auth':{'access_token':'acc','application_token':'app',"
		  "'client_endpoint':'https://e/rest/'},'ts':177,"
		  "'data':{'CONNECTOR':'my'}}",
		  "data[LINE]=107&auth[member_id]=mem&auth[domain]=dom&ts=1&"
		  FORM("0", "1", "2", "c") "&event=OnImConnectorMessageAdd&"
		  "auth[access_token]=acc&auth[application_token]=app&"
		  "auth[client_endpoint]=https://e/rest/&ts=177&"
		  "data[CONNECTOR]=my", want },
	};

	(void)state;
	expect_same(cases, COUNT(cases));
}

/* What is not asked for, is not at its place or is no field: not there. */
static void
test_elsewhere(void **state)
{
	static const struct same cases[] = {
		{ "{}", "", "" },
		{ "[{'event':'x'}]", "0[event]=x", "" },
		{ "'event'", NULL, "" },
		{ "{'data':107}", "data=107", "data=107\n" },
		{ "{'data':'x','ts':1}", "data=x&ts=1", "ts=1\ndata=x\n" },
		{ "{'data':'123456789012345678901'}",
		  "data=123456789012345678901", "" },
		{ "{'data':null}", NULL, "" },
		{ "{'data':{'connector':'c','line':1,'LINE':2}}",
		  "data[connector]=c&data[line]=1&data[LINE]=2",
		  "line=2\nsmall_connector=c\nsmall_line=1\n" },
		{ "{'x':{'event':'x','auth':{'member_id':'m'}},'ts':1}",
		  "x[event]=x&x[auth][member_id]=m&ts=1", "ts=1\n" },
		{ "{'event':{'x':1,'ts':2}}", "event[x]=1&event[ts]=2", "" },
		{ "{'event':['x']}", "event[]=x", "" },
		{ "{'auth':{'auth':{'member_id':1},'event':2},'LINE':3}",
		  "auth[auth][member_id]=1&auth[event]=2&LINE=3", "" },
		{ "{'events':1,'even':2,'Event':3}", "events=1&even=2&Event=3",
		  "" },
		{ "{'event':null,'ts':true}", "ts=1", "ts=1\n" },
		{ "{'event':'','ts':false}", "event=&ts=0", "event=\nts=0\n" },
		{ LIST("5"), "data[MESSAGES]=5", "" },
		{ LIST("{'a':" JSON("1", "2", "c") ",'-1':5,'01':6,"
		  "'9223372036854775807':7,'99999999999999999999999999':8}"),
		  FORM("a", "1", "2", "c") "&" M("-1", "=5") "&" M("01", "=6")
		  "&" M("9223372036854775807", "=7") "&"
		  M("99999999999999999999999999", "=8"), "" },
	};

	(void)state;
	expect_same(cases, COUNT(cases));
}

static void
test_index(void **state)
{
	static const struct same cases[] = {
		{ LIST("[" JSON("1", "2", "c") "," JSON("3", "4", "d") "]"),
		  FORM("0", "1", "2", "c") "&" FORM("1", "3", "4", "d"),
		  SAID("0", "1", "2", "c") SAID("1", "3", "4", "d") },
		{ LIST("{'10':" JSON("1", "2", "c") ",'2':"
		  JSON("3", "4", "d") "}"),
		  FORM("10", "1", "2", "c") "&" FORM("2", "3", "4", "d"),
		  SAID("10", "1", "2", "c") SAID("2", "3", "4", "d") },
		{ LIST("{'9223372036854775806':" JSON("1", "2", "c") "}"),
		  FORM("9223372036854775806", "1", "2", "c"),
		  SAID("9223372036854775806", "1", "2", "c") },
		/* MESSAGES entered twice, in between something else */
		{ "{'data':{'MESSAGES':{'1':" JSON("1", "2", "c") "},"
		  "'x':1,'MESSAGES':{'0':" JSON("3", "4", "d") "}}}",
		  FORM("1", "1", "2", "c") "&data[x]=1&"
		  FORM("0", "3", "4", "d"),
		  SAID("1", "1", "2", "c") SAID("0", "3", "4", "d") },
		/* an empty key is no index in JSON */
		{ LIST("{'':" JSON("1", "2", "c") ",'5':" JSON("3", "4", "d")
		  "}"), NULL, SAID("5", "3", "4", "d") },
		/* in a form it is the next one, as in PHP */
		{ NULL, M("", "=1") "&" M("5", "=2") "&" M("", "=3") "&"
		  M("3", "=4") "&" M("", "=5"), TEXT("0", "1") TEXT("5", "2")
		  TEXT("6", "3") TEXT("3", "4") TEXT("7", "5") },
		/* each [] is an element of its own, so both are too little */
		{ NULL, M("", "[im][chat_id]=1") "&" M("", "[im][chat_id]=2"),
		  "0: 1/0 chat= own= bad=im.message_id"
		  " {'im':{'chat_id':'1'}}\n"
		  "1: 2/0 chat= own= bad=im.message_id"
		  " {'im':{'chat_id':'2'}}\n" },
		/* DATA and MESSAGES count for themselves */
		{ "{'data':{'DATA':[" JSON("1", "2", "c") "],'MESSAGES':["
		  JSON("3", "4", "d") "]}}",
		  "data[DATA][0][im][chat_id]=1&"
		  "data[DATA][0][im][message_id]=2&"
		  "data[DATA][0][chat][id]=c&" FORM("0", "3", "4", "d"),
		  WHOLE("D0", "1", "2", "c") SAID("0", "3", "4", "d") },
		{ "{'data':{'DATA':{'5':" JSON("1", "2", "c") "},'MESSAGES':{"
		  "'7':" JSON("3", "4", "d") ",'5':" JSON("5", "6", "e")
		  "}}}", NULL, WHOLE("D5", "1", "2", "c")
		  SAID("7", "3", "4", "d") SAID("5", "5", "6", "e") },
	};

	(void)state;
	expect_same(cases, COUNT(cases));
}

/* One element whose parts come in any order, or in several turns. */
static void
test_merging(void **state)
{
	static const struct same cases[] = {
		{ LIST("[{'chat':{'id':'c'},'im':{'message_id':2,"
		  "'chat_id':1}}]"),
		  M("0", "[chat][id]=c") "&" M("0", "[im][message_id]=2") "&"
		  M("0", "[im][chat_id]=1"),
		  "0: 1/2 chat=c own= bad=- 'chat':{'id':'c'},"
		  "'im':{'message_id':2,'chat_id':1}\n" },
		{ LIST("[{'im':{'chat_id':1},'chat':{'id':'c'},"
		  "'im':{'message_id':2}}]"),
		  M("0", "[im][chat_id]=1") "&" M("0", "[chat][id]=c") "&"
		  M("0", "[im][message_id]=2"), SAID("0", "1", "2", "c") },
		{ LIST("[{'x':{'y':{'z':1}},'im':{'chat_id':1,"
		  "'message_id':2},'x':{'w':2,'y':{'v':3}},"
		  "'chat':{'id':'c'},'x':{'y':{'z':4}}}]"),
		  M("0", "[x][y][z]=1") "&" M("0", "[im][chat_id]=1") "&"
		  M("0", "[im][message_id]=2") "&" M("0", "[x][w]=2") "&"
		  M("0", "[x][y][v]=3") "&" M("0", "[chat][id]=c") "&"
		  M("0", "[x][y][z]=4"),
		  "0: 1/2 chat=c own= bad=- 'x':{'y':{'z':'4','v':'3'},"
		  "'w':'2'}," BODY("1", "2", "c") "\n" },
		/* the last one wins where it is no identifier */
		{ LIST("[{'im':{'chat_id':1,'message_id':2},"
		  "'message':{'text':'a','text':'b'},'x':{'y':1},'x':2,"
		  "'z':1,'z':{'y':2},'v':1,'v':null,'chat':{'id':'c'}}]"),
		  NULL, "0: 1/2 chat=c own= bad=- 'im':{'chat_id':1,"
		  "'message_id':2},'message':{'text':'b'},'x':'2',"
		  "'z':{'y':'2'},'chat':{'id':'c'}\n" },
		{ NULL, FORM("0", "1", "2", "c") "&"
		  M("0", "[message][text]=a") "&" M("0", "[message][text]=b")
		  "&" M("0", "[x][y]=1") "&" M("0", "[x]=2") "&"
		  M("0", "[z]=1") "&" M("0", "[z][y]=2"),
		  "0: 1/2 chat=c own= bad=- " BODY("1", "2", "c")
		  ",'message':{'text':'b'},'x':'2','z':{'y':'2'}\n" },
	};

	(void)state;
	expect_same(cases, COUNT(cases));
}

#define REST "'im':{'chat_id':1,'message_id':2},'chat':{'id':'c'}"
#define VANISH(rest) "0: 1/2 chat=c own= bad=- " REST rest "\n"

static void
test_values(void **state)
{
	static const struct same cases[] = {
		{ LIST("[{" REST ",'a':null,'b':[],'c':{},'d':[null,{}],"
		  "'message':{'user_id':null}}]"),
		  FORM("0", "1", "2", "c"), VANISH("") },
		{ LIST("[{" REST ",'message':{'user_id':'undefined'}}]"),
		  FORM("0", "1", "2", "c") "&"
		  M("0", "[message][user_id]=undefined"), VANISH("") },
		{ LIST("[{" REST ",'a':true,'b':false,'c':'','d':1.50,"
		  "'e':[1,null,'x']}]"),
		  FORM("0", "1", "2", "c") "&" M("0", "[a]=1") "&"
		  M("0", "[b]=0") "&" M("0", "[c]=") "&" M("0", "[d]=1.50")
		  "&" M("0", "[e][]=1") "&" M("0", "[e][]=x"),
		  VANISH(",'a':'1','b':'0','c':'','d':'1.50',"
		  "'e':['1','x']") },
		{ LIST("[{" REST ",'message':{'user_id':0,'text':'0'}}]"),
		  FORM("0", "1", "2", "c") "&" M("0", "[message][user_id]=0")
		  "&" M("0", "[message][text]=0"),
		  VANISH(",'message':{'user_id':0,'text':'0'}") },
		{ LIST("[{" REST ",'message':{'files':[{'name':'a'},"
		  "{'name':'b'}]}}]"),
		  FORM("0", "1", "2", "c") "&"
		  M("0", "[message][files][0][name]=a") "&"
		  M("0", "[message][files][3][name]=b"),
		  VANISH(",'message':{'files':[{'name':'a'},{'name':'b'}]}") },
		/* the envelope's names win, nothing of auth travels on */
		{ "{'data':{'MESSAGES':[{'key':1,'event':2,'member_id':3,"
		  "'domain':4,'connector':5,'line':6,'ts':7," REST ",'keys':8,"
		  "'x':{'ts':9}}]},'auth':{'im':1,'x':'secret'}}",
		  M("0", "[key]=1") "&" M("0", "[event]=2") "&"
		  M("0", "[member_id]=3") "&" M("0", "[domain]=4") "&"
		  M("0", "[connector]=5") "&" M("0", "[line]=6") "&"
		  M("0", "[ts]=7") "&" FORM("0", "1", "2", "c") "&"
		  M("0", "[keys]=8") "&" M("0", "[x][ts]=9")
		  "&auth[im]=1&auth[x]=secret",
		  VANISH(",'keys':'8','x':{'ts':'9'}") },
		/* an element with nothing in it is none */
		{ LIST("[null,[],{},{'a':null},{" REST "},{'b':{'c':[]}}]"),
		  FORM("4", "1", "2", "c"), "4: 1/2 chat=c own= bad=- " REST
		  "\n" },
	};

	(void)state;
	expect_same(cases, COUNT(cases));
}

/* message.id travels on and is told beside: a list, or one bare value. */
static void
test_own_id(void **state)
{
	static const struct same cases[] = {
		{ LIST("[{" REST ",'message':{'id':['x',7]}}]"),
		  FORM("0", "1", "2", "c") "&" M("0", "[message][id][0]=x") "&"
		  M("0", "[message][id][1]=7"),
		  "0: 1/2 chat=c own=['x','7'] bad=- " REST
		  ",'message':{'id':['x','7']}\n" },
		{ LIST("[{" REST ",'message':{'id':7}}]"),
		  FORM("0", "1", "2", "c") "&" M("0", "[message][id]=7"),
		  "0: 1/2 chat=c own='7' bad=- " REST
		  ",'message':{'id':'7'}\n" },
		{ LIST("[{" REST ",'message':{'id':[]}}]"), NULL, VANISH("") },
	};

	(void)state;
	expect_same(cases, COUNT(cases));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_merging),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_own_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
