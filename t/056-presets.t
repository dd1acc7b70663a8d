# Copyright (C) Evolu Auth Authors
#
# The presets of conf/, as they are installed: who reaches what.

use strict;
use warnings;

use Cwd qw(abs_path);

use lib 't/lib';
use EvoluAuth;

my $conf = abs_path('conf');


# Sections: preset, upstream (its server, if not the usual one), and what the
# server says besides.  It is not that of Test::Nginx, which has a limit for
# bodies of its own; it stands first, so all requests go there.

add_block_preprocessor(sub {
    my ($block) = @_;

    my ($preset) = $block->preset =~ /(\S+)/;
    my $name = $preset eq 'evolution-api' ? 'evolution_api' : 'evolu_api';
    my $upstream = $block->upstream || 'unix:' . dir() . '/upstream.sock';
    my $http = $block->http_extra || '';
    my $server = $block->server_config || '';

    $block->set_value('http_extra', "include $conf/http.conf;\n"
                      . "upstream $name { server $upstream; }\n$http"
                      . "server {\nlisten \$TEST_NGINX_SERVER_PORT;\n"
                      . "server_name localhost;\n$server"
                      . "include $conf/$preset.conf;\n}\n");
    $block->set_value('suppress_stderr', 1);
    $block->set_value('server_name', 'unused');
    $block->set_value('config', "return 404;\n");
});

run_tests();

__DATA__

=== TEST 1: Evolution API: the instance at the end of the path, by its token
--- preset: evolution-api
--- cases
GET /instance/connectionState/inst-1 | apikey: token-of-inst-1 | 200 | ok
POST /message/sendText/inst-1 | apikey: token-of-inst-1 | 200 | ok
DELETE /instance/delete/inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /a/b/c/inst-1/ | apikey: token-of-inst-1 | 200 | ok
GET /instance/connectionState/inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET /instance/connectionState/inst-1 | apikey: token-of-inst-2 | 401 | bad_secret
GET /instance/connectionState/nobody | apikey: token-of-inst-1 | 401 | unknown
GET /inst-1/connectionState | apikey: token-of-inst-1 | 401 | unknown
GET /chat/find/Weird%20name%25%2B | apikey: token-of-weird | 200 | ok
GET /instance/connectionState/inst-1 | - | 401 | missing
GET /instance/connectionState/inst-1 | Authorization: Bearer token-of-inst-1 | 401 | missing
GET /instance/connectionState/inst-1?apikey=token-x | - | 401 | missing
GET /instance/connectionState/inst-1 | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
GET /instance/connectionState/inst-1 | apikey: token-of-inst-1\napikey: token-of-inst-1 | 401 | duplicate
GET /instance/connectionState/inst-1 | apikey: token-of-inst-1\nConnection: close, apikey | 400 | connection_header



=== TEST 2: the global key reaches each of them, and what names none
--- preset: evolution-api
--- cases
GET /instance/connectionState/inst-1 | apikey: global-key-of-the-house | 200 | ok
GET /instance/connectionState/nobody | apikey: global-key-of-the-house | 200 | ok
POST /instance/create | apikey: global-key-of-the-house | 200 | ok
POST /instance/create/ | apikey: global-key-of-the-house | 200 | ok
POST /Instance/Create | apikey: global-key-of-the-house | 200 | ok
POST /verify-creds | apikey: global-key-of-the-house | 200 | ok
GET /instance/fetchInstances | apikey: global-key-of-the-house | 200 | ok
GET /socket.io/?EIO=4 | apikey: global-key-of-the-house | 200 | ok
GET /instance/connectionState/inst-1 | apikey: global-key-far-away | 403 | address
GET /instance/connectionState/inst-1 | apikey: global-key-expired | 401 | expired



=== TEST 3: which a token does not
--- preset: evolution-api
--- cases
POST /instance/create | apikey: token-of-inst-1 | 403 | scope
POST /instance/create/ | apikey: token-of-inst-1 | 403 | scope
POST /INSTANCE/CREATE | apikey: token-of-inst-1 | 403 | scope
POST /instance/%63reate | apikey: token-of-inst-1 | 403 | scope
POST /verify-creds | apikey: token-of-inst-1 | 403 | scope
GET /instance/fetchInstances | apikey: token-of-inst-1 | 403 | scope
GET /socket.io/?EIO=4 | apikey: token-of-inst-1 | 403 | scope
GET /socket.io/inst-1 | apikey: token-of-inst-1 | 403 | scope
POST /instance/create | - | 401 | missing
GET /socket.io/ | - | 401 | missing



=== TEST 4: arguments that would name another instance
--- preset: evolution-api
--- cases
GET /x/inst-1?instanceName=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?a=b&instanceId=2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?instance%4Eame=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?instanceName[]=inst-2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?[instanceId]=2 | apikey: token-of-inst-1 | 403 | reserved_arg
GET /x/inst-1?instanceName=inst-2 | apikey: global-key-of-the-house | 200 | ok
GET /x/inst-1?page=2 | apikey: token-of-inst-1 | 200 | ok



=== TEST 5: ambiguous paths, whoever asks
--- preset: evolution-api
--- cases
GET /x//inst-1 | apikey: token-of-inst-1 | 400 | -
GET /x/../inst-1 | apikey: token-of-inst-1 | 400 | -
GET /x/inst-2%2finst-1 | apikey: token-of-inst-1 | 400 | -
GET /x/inst-1;a=b | apikey: token-of-inst-1 | 400 | -
GET /x/%2e%2e/inst-1 | apikey: global-key-of-the-house | 400 | -
GET /x/inst-1%00 | apikey: global-key-of-the-house | 400 | -
GET /manager//x | - | 400 | -



=== TEST 6: texts that Evolution API takes for its routes
--- preset: evolution-api
--- cases
GET /x/inst-1?a=/instance/create | apikey: token-of-inst-1 | 400 | -
GET /x/inst-1?a=/instance/fetchInstances | apikey: token-of-inst-1 | 400 | -
GET /x/inst-1?a=/INSTANCE/Create | apikey: token-of-inst-1 | 400 | -
GET /instance/create/inst-1 | apikey: token-of-inst-1 | 400 | -
GET /instance/fetchInstances/inst-1 | apikey: token-of-inst-1 | 400 | -
GET /instance/createX/inst-1 | apikey: token-of-inst-1 | 400 | -
GET /x/instance/create | apikey: global-key-of-the-house | 400 | -
GET /instance/create?a=/instance/create | apikey: global-key-of-the-house | 400 | -
GET /instance/fetchInstances?a=/instance/create | apikey: global-key-of-the-house | 400 | -
GET http://localhost/x/inst-1?a=/instance/create | apikey: token-of-inst-1 | 400 | -
GET http://localhost/instance/create | apikey: global-key-of-the-house | 200 | ok
GET http://localhost/instance/create | apikey: token-of-inst-1 | 403 | scope
GET /instance/create?a=b | apikey: global-key-of-the-house | 200 | ok
GET /x/inst-1?a=instance/create | apikey: token-of-inst-1 | 200 | ok



=== TEST 7: fetchInstances: a token asks for its own, by name
--- preset: evolution-api
--- cases
GET /instance/fetchInstances?instanceName=inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /instance/fetchInstances/?instanceName=inst-1 | apikey: token-of-inst-1 | 200 | ok
GET /instance/FetchInstances?a=b&instanceName=%69nst-1 | apikey: token-of-inst-1 | 200 | ok
GET /instance/fetchInstances?instanceName=inst-2 | apikey: token-of-inst-1 | 401 | bad_secret
GET /instance/fetchInstances?instanceName=nobody | apikey: token-of-inst-1 | 401 | unknown
GET /instance/fetchInstances?instanceName=inst-1 | - | 401 | missing
GET /instance/fetchInstances?instanceName=inst-2 | apikey: global-key-of-the-house | 200 | ok
GET /instance/fetchInstances?instancename=inst-1 | apikey: token-of-inst-1 | 403 | scope
GET /instance/fetchInstances?instanceName= | apikey: token-of-inst-1 | 403 | scope
GET /instance/fetchInstances?instanceName[]=inst-1 | apikey: token-of-inst-1 | 403 | scope
GET /instance/fetchInstances?instanceName=inst-1&instanceName=inst-2 | apikey: token-of-inst-1 | 403 | scope
GET /instance/fetchInstances?instanceName=inst-1&instanceName[]=inst-2 | apikey: token-of-inst-1 | 403 | scope



=== TEST 8: fetchInstances: what the upstream sees
--- preset: evolution-api
--- request
GET /instance/fetchInstances?instanceName=inst-1
--- more_headers
apikey: token-of-inst-1
X-Evolu-Scope: global
--- upstream_line
GET /instance/fetchInstances?instanceName=inst-1 HTTP/1.1
--- identity
X-Evolu-Scope: instance
X-Evolu-Instance: inst-1
X-Evolu-Livemode: true
X-Evolu-Key-Id: i1
--- upstream_has
apikey: token-of-inst-1



=== TEST 9: routes that name no instance: none is told
--- preset: evolution-api
--- request eval
["POST /instance/create", "GET /verify-creds", "GET /instance/fetchInstances",
 "GET /socket.io/", "GET /instance/connectionState/inst-1"]
--- more_headers
apikey: global-key-of-the-house
--- error_code eval
[(200) x 5]
--- identity eval
[("X-Evolu-Scope: global\nX-Evolu-Livemode: true\nX-Evolu-Key-Id: g1") x 4,
 "X-Evolu-Scope: global\nX-Evolu-Instance: inst-1
X-Evolu-Livemode: true\nX-Evolu-Key-Id: g1"]



=== TEST 10: doors without a key are closed, key or not
--- preset: evolution-api
--- cases
GET / | - | 404 | -
GET /manager | - | 404 | -
GET /manager/login | - | 404 | -
GET /assets/app.js | - | 404 | -
POST /webhook/meta | - | 404 | -
POST /webhook/evolution/ | - | 404 | -
POST /chatwoot/webhook/inst-1 | - | 404 | -
GET /store/a/b.jpg | - | 404 | -
GET /metrics | - | 404 | -
GET / | apikey: global-key-of-the-house | 404 | -
GET /metrics/x | apikey: global-key-of-the-house | 404 | -
GET /managers/inst-1 | - | 401 | missing
POST /webhook/set/inst-1 | - | 401 | missing
POST /chatwoot/set/inst-1 | - | 401 | missing



=== TEST 11: set opens one, and no other
--- preset: evolution-api
--- server_config
set $evolu_open_manager on;
--- cases
GET / | - | 200 | -
GET /manager | - | 200 | -
GET /Manager/login | - | 200 | -
GET /assets/app.js | - | 200 | -
POST /webhook/meta | - | 404 | -
POST /chatwoot/webhook/inst-1 | - | 404 | -
GET /store/a/b.jpg | - | 404 | -
GET /metrics | - | 404 | -
GET /manager/../x/inst-1 | - | 400 | -
GET /x/inst-1 | - | 401 | missing



=== TEST 12: the others
--- preset: evolution-api
--- server_config
set $evolu_open_webhooks on;
set $evolu_open_store on;
--- cases
POST /webhook/meta | - | 200 | -
POST /webhook/evolution | - | 200 | -
POST /chatwoot/webhook/inst-1 | - | 200 | -
POST /chatwoot/webhook/inst-1/ | - | 200 | -
POST /chatwoot/webhook/inst-1?instanceName=inst-2 | - | 400 | -
POST /chatwoot/webhook/inst-1/more | - | 401 | missing
POST /webhook/meta/inst-1 | - | 401 | missing
GET /store/a/b.jpg | - | 200 | -
GET /store/a?b=/instance/create | - | 400 | -
GET / | - | 404 | -
GET /metrics | apikey: global-key-of-the-house | 404 | -



=== TEST 13: no identity goes through an open door
--- preset: evolution-api
--- server_config
set $evolu_open_manager on;
--- request
GET /manager
--- more_headers
X-Evolu-Scope: global
X_Evolu_Instance: inst-1
apikey: token-of-inst-1
X-Forwarded-For: 10.0.0.1
--- identity
--- upstream_has
X-Forwarded-For: 127.0.0.1
X-Real-IP: 127.0.0.1
X-Forwarded-Proto: http



=== TEST 14: WebSocket, and nothing else, is upgraded
--- preset: evolution-api
--- request eval
["GET /socket.io/", "GET /socket.io/", "GET /x/inst-1"]
--- more_headers eval
["apikey: $EvoluAuth::GLOBAL\nConnection: Upgrade, close\nUpgrade: WebSocket",
 "apikey: $EvoluAuth::GLOBAL\nConnection: Upgrade, close\nUpgrade: h2c",
 "apikey: token-of-inst-1\nConnection: Upgrade, close\nUpgrade: websocket"]
--- error_code eval
[200, 200, 200]
--- upstream_has eval
["Upgrade: websocket\nConnection: upgrade",
 "X-Evolu-Scope: global", "X-Evolu-Scope: instance"]
--- upstream_lacks eval
["", "Upgrade Connection", "Connection"]



=== TEST 15: events: the key may be in the query, one is enough
--- preset: evolution-api
--- cases
GET /socket.io/?EIO=4&apikey=global-key-of-the-house | - | 200 | ok
GET /socket.io/?EIO=4&apikey=token-of-inst-1 | - | 403 | scope
GET /socket.io/?EIO=4&apikey=global-key-of-the-house | apikey: global-key-of-the-house | 401 | duplicate
GET /socket.io/?apikey=global-key-of-the-house&apikey=x | - | 401 | duplicate
GET /x/inst-1?apikey=global-key-of-the-house | - | 401 | missing



=== TEST 16: a cache does not give one's answer to another
--- preset: evolution-api
--- http_extra
proxy_cache_path $TEST_NGINX_SERVER_ROOT/cache keys_zone=answers:1m;
--- server_config
proxy_cache answers;
proxy_cache_valid 200 1m;
--- request eval
[("GET /x/inst-1") x 3]
--- more_headers eval
["apikey: token-of-inst-1", "apikey: $EvoluAuth::GLOBAL",
 "apikey: token-of-inst-1"]
--- error_code eval
[200, 200, 200]
--- upstream_has eval
["X-Evolu-Key-Id: i1", "X-Evolu-Key-Id: g1", "X-Evolu-Key-Id: i1"]
--- upstream_lacks eval
["", "", ""]



=== TEST 17: refusals, as Evolution API writes them
--- preset: evolution-api
--- request eval
["GET /x/inst-1", "POST /instance/create", "GET /x/inst-1?instanceId=1"]
--- more_headers eval
["", "apikey: token-of-inst-1", "apikey: token-of-inst-1"]
--- error_code eval
[401, 403, 403]
--- response_headers eval
[("Content-Type: application/json; charset=utf-8
Cache-Control: no-store") x 3]
--- response_body eval
['{"status":401,"error":"Unauthorized","response":'
 . '{"message":"Unauthorized"}}',
 '{"status":403,"error":"Forbidden","response":{"message":'
 . '["Missing global api key","The global api key must be set"]}}',
 '{"status":403,"error":"Forbidden","response":{"message":["Forbidden"]}}']



=== TEST 18: errors, as JSON
--- preset: evolution-api
--- request eval
["GET /metrics", "GET /x//inst-1", "GET /x/inst-1?a=/instance/create"]
--- error_code eval
[404, 400, 400]
--- response_headers eval
[("Content-Type: application/json; charset=utf-8
Cache-Control: no-store") x 3]
--- response_body eval
['{"status":404,"error":"Not Found","response":{"message":["Not Found"]}}',
 ('{"status":400,"error":"Bad Request","response":'
  . '{"message":["Bad Request"]}}') x 2]



=== TEST 19: a request line that can't be read
--- preset: evolution-api
--- raw_request eval
"GET /\x01 HTTP/1.1\r\nHost: localhost\r\nX-Evolu-Scope: global\r\n\r\n"
--- error_code: 400
--- response_headers
Content-Type: application/json; charset=utf-8
--- response_body chop
{"status":400,"error":"Bad Request","response":{"message":["Bad Request"]}}



=== TEST 20: a target or a header too long
--- preset: evolution-api
--- request eval
["GET /" . "a" x 9000, "GET /x/inst-1"]
--- more_headers eval
["", "X-Long: " . "a" x 9000]
--- error_code eval
[414, 400]
--- response_headers eval
[("Content-Type: application/json; charset=utf-8") x 2]
--- response_body_like eval
[qr/\A\{"status":414,"error":"URI Too Long",/,
 qr/\A\{"status":400,"error":"Bad Request",/]



=== TEST 21: a body too large
--- preset: evolution-api
--- server_config
lingering_timeout 100ms;
--- raw_request eval
"POST /x/inst-1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
. "apikey: token-of-inst-1\r\nContent-Length: 200000000\r\n\r\n"
--- error_code: 413
--- response_headers
Content-Type: application/json; charset=utf-8
--- response_body_like: \A\{"status":413,"error":"Payload Too Large",



=== TEST 22: an upstream that is away
--- preset: evolution-api
--- upstream: 127.0.0.1:1
--- request
GET /x/inst-1
--- more_headers
apikey: token-of-inst-1
--- error_code: 502
--- reason: ok
--- response_headers
Content-Type: application/json; charset=utf-8
--- response_body chop
{"status":502,"error":"Bad Gateway","response":{"message":["Bad Gateway"]}}



=== TEST 23: the log that can be shown
--- preset: evolution-api
--- server_config
access_log $TEST_NGINX_SERVER_ROOT/logs/access.log evolu_safe;
--- request
GET /x/inst-1?apikey=token-of-inst-1&a=b
--- more_headers
apikey: token-of-inst-1
--- access_log
"GET /x/inst-1 HTTP/1.1" 200
auth=allowed reason=ok cache=
scope=instance instance=inst-1 campaign= livemode=true key=i1
--- no_access_log
token-of
a=b



=== TEST 24: Integrators: campaign keys, live and test, two paths
--- preset: evolu-integrators
--- cases
POST /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
POST /v1/entries | Authorization: Bearer evolu_test_aB3dE6gH_TestSecret0123456789 | 200 | ok
POST /v1/entries?a=b | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
POST /v1/entries | Authorization: Bearer evolu_live_free_FreeSecret0123456789 | 200 | ok
GET /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
PATCH /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
POST /v1/entries | - | 401 | missing
POST /v1/entries | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | missing
POST /v1/entries | Authorization: Basic YTpi | 401 | missing
POST /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret
POST /v1/entries | Authorization: Bearer evolu_test_aB3dE6gH_LiveSecret0123456789 | 401 | bad_secret
POST /v1/entries | Authorization: Bearer evolu_live_nobody_LiveSecret0123456789 | 401 | unknown
POST /v1/entries | Authorization: Bearer evolu_live_timed_old-123456789012345 | 401 | expired
POST /v1/entries | Authorization: Bearer evolu_live_timed_far-123456789012345 | 403 | address
POST /v1/entries | Authorization: Bearer token-of-inst-1 | 401 | wrong_family
POST /v1/entries | Authorization: Bearer global-key-of-the-house | 401 | wrong_family
GET /v1/webhook | - | 401 | missing



=== TEST 25: their methods, and no other
--- preset: evolu-integrators
--- cases
GET /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
PUT /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
DELETE /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
OPTIONS /v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
POST /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
PUT /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
DELETE /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -
FOO /v1/webhook | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | -



=== TEST 26: everything else is closed
--- preset: evolu-integrators
--- cases
GET / | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
POST /v1/entries/ | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
POST /v1/entries/1 | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
POST /V1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 404 | -
GET /v1 | - | 404 | -
GET /evolu_error | - | 404 | -
POST /v1//entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | -
POST /x/../v1/entries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | -
POST /v1%2fentries | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | -
POST /v1/entries;a | Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789 | 400 | -



=== TEST 27: what the upstream sees
--- preset: evolu-integrators
--- request
POST /v1/entries?a=b
{}
--- more_headers
Authorization: Bearer evolu_test_aB3dE6gH_TestSecret0123456789
X-Evolu-Livemode: true
x_evolu_campaign: other
X-Forwarded-For: 10.0.0.1
--- upstream_line
POST /v1/entries?a=b HTTP/1.1
--- identity
X-Evolu-Scope: campaign
X-Evolu-Instance: inst-1
X-Evolu-Campaign: aB3dE6gH
X-Evolu-Livemode: false
X-Evolu-Key-Id: t1
--- upstream_has
Authorization: Bearer evolu_test_aB3dE6gH_TestSecret0123456789
X-Forwarded-For: 127.0.0.1
Content-Length: 2
--- upstream_lacks
Connection



=== TEST 28: refusals and errors, as JSON
--- preset: evolu-integrators
--- request eval
["POST /v1/entries", "POST /v1/entries", "GET /v1/entries", "GET /x",
 "POST /v1//entries"]
--- more_headers eval
["", "Authorization: Bearer evolu_live_timed_far-123456789012345",
 "Authorization: Bearer $EvoluAuth::LIVE", "", ""]
--- error_code eval
[401, 403, 403, 404, 400]
--- response_headers eval
["Content-Type: application/json\nCache-Control: no-store
WWW-Authenticate: Bearer realm=\"evolu\"",
 ("Content-Type: application/json\nCache-Control: no-store") x 4]
--- response_body eval
['{"detail":"Invalid or missing API key."}',
 ('{"detail":"This API key is not allowed to access this resource."}') x 2,
 '{"detail":"Not Found"}', '{"detail":"Malformed request."}']



=== TEST 29: a request line that can't be read
--- preset: evolu-integrators
--- raw_request eval
"GET /\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n"
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body chop
{"detail":"Malformed request."}



=== TEST 30: an upstream that is away
--- preset: evolu-integrators
--- upstream: 127.0.0.1:1
--- request
GET /v1/webhook
--- more_headers
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 502
--- reason: ok
--- response_headers
Content-Type: application/json
--- response_body chop
{"detail":"Bad Gateway"}



=== TEST 31: a store that is away
--- preset: evolu-integrators
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis unix:$TEST_NGINX_EVOLU_DIR/nobody-is-here.sock;
--- request
GET /v1/webhook
--- more_headers
Authorization: Bearer evolu_live_aB3dE6gH_LiveSecret0123456789
--- error_code: 503
--- reason: unavailable
--- response_headers
Retry-After: 1
Content-Type: application/json
--- response_body chop
{"detail":"Authentication is temporarily unavailable."}
