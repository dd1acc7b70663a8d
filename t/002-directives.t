# Copyright (C) Evolu Auth Authors
#
# Directives: good, inherited, overridden, and what nginx -t warns of.

use lib 't/lib';
use EvoluAuth;

write_file('p1-max', 'AB' x 64 . "\n", 0600);

# before nginx, which would find no epoch

redis('SET', 'own:{x}:epoch', 1);
redis('HSET', 'own:{x}:instance:inst-1', 'v', 1,
      field('p', 'token-of-inst-1'));

run_tests();

__DATA__

=== TEST 1: every directive, with every parameter of this version
--- stores
evolu_auth_zone zone=evolu:1m fresh=5m stale=0 negative=1s;
evolu_auth_redis $TEST_NGINX_REDIS db=0 prefix=evolu: timeout=2s
                 connect_timeout=2s pending=64 role=primary;
evolu_auth_pepper p1 $TEST_NGINX_EVOLU_DIR/p1;
evolu_auth_pepper p.2-x $TEST_NGINX_EVOLU_DIR/p1-max;
evolu_auth_key_file $TEST_NGINX_EVOLU_DIR/keys;
--- guard
evolu_auth on;
evolu_auth_key_sources header:apikey bearer;
evolu_auth_scope global instance campaign;
evolu_auth_instance $evolu_path_last;
evolu_auth_campaign off;
evolu_auth_token_index on;
evolu_auth_mode any;
evolu_auth_reserved_args a b;
evolu_auth_header X-Who $evolu_key_id;
evolu_auth_hide_credentials on;
evolu_auth_error_format evolu;
evolu_auth_realm "a realm";
evolu_auth_preflight off;
--- cases
GET /inst-1 | apikey: token-of-inst-1 | 200 | ok



=== TEST 2: everything at http level, inherited
--- http_extra
evolu_auth on;
evolu_auth_key_sources header:X-Key;
evolu_auth_scope instance;
evolu_auth_instance $evolu_path_last;
evolu_auth_mode live;
evolu_auth_reserved_args a;
evolu_auth_header X-Who $evolu_key_id;
evolu_auth_hide_credentials off;
evolu_auth_error_format evolution;
evolu_auth_realm house;
--- server_config
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
location /off { evolu_auth off; proxy_pass $TEST_NGINX_UPSTREAM; }
--- request eval
["GET /inst-1", "GET /inst-1", "GET /inst-1?a=1", "GET /off"]
--- more_headers eval
["X-Key: token-of-inst-1", "apikey: token-of-inst-1",
 "X-Key: token-of-inst-1", ""]
--- error_code eval
[200, 401, 403, 200]
--- reason eval
["ok", "missing", "reserved_arg", "-"]
--- upstream_has eval
["X-Who: i1\nX-Key: token-of-inst-1", undef, undef, undef]
--- raw_response_headers_like eval
["", 'realm="house"', "charset=utf-8", ""]



=== TEST 3: evolu_auth at every level
--- http_extra
evolu_auth on;
--- server_config
location /inherits { proxy_pass $TEST_NGINX_UPSTREAM; }
location /off {
    evolu_auth off;
    proxy_pass $TEST_NGINX_UPSTREAM;
    location /off/inner { proxy_pass $TEST_NGINX_UPSTREAM; }
    location /off/on { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
}
location /optional { evolu_auth optional; proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET /inherits | - | 401 | missing
GET /off | - | 200 | -
GET /off/inner | - | 200 | -
GET /off/on | - | 401 | missing
GET /optional | - | 200 | -



=== TEST 4: a server's off stops an http-level on
--- http_extra
evolu_auth on;
--- server_config
evolu_auth off;
location / { proxy_pass $TEST_NGINX_UPSTREAM; }
location /on { evolu_auth on; proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET / | - | 200 | -
GET /on | - | 401 | missing



=== TEST 5: instance and campaign: off stops what is inherited
--- server_config
evolu_auth on;
evolu_auth_instance inst-1;
location /i { proxy_pass $TEST_NGINX_UPSTREAM; }
location /none { evolu_auth_instance off; proxy_pass $TEST_NGINX_UPSTREAM; }
location /both {
    evolu_auth_campaign aB3dE6gH;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /i | apikey: token-of-inst-1 | 200 | ok
GET /i | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
GET /none | apikey: token-of-inst-1 | 401 | wrong_family
GET /none | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /both | apikey: token-of-inst-1 | 200 | ok
GET /both | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /both | apikey: global-key-of-the-house | 200 | ok
GET /both | apikey: evolu_live_free_FreeSecret0123456789 | 403 | wrong_campaign



=== TEST 6: the scope by what is addressed, at the level that is in force
--- server_config
evolu_auth on;
evolu_auth_scope campaign;
location /c { proxy_pass $TEST_NGINX_UPSTREAM; }
location /g { evolu_auth_scope global; proxy_pass $TEST_NGINX_UPSTREAM; }
--- cases
GET /c | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok
GET /c | apikey: global-key-of-the-house | 401 | wrong_family
GET /g | apikey: global-key-of-the-house | 200 | ok
GET /g | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | scope



=== TEST 7: off everywhere needs neither a zone nor a store
--- stores
--- guard
evolu_auth off;
evolu_auth_instance $evolu_path_last;
evolu_auth_realm x;
--- cases
apikey: token-of-inst-1 | 200 | -



=== TEST 8: evolu_auth report is warned of
--- guard
evolu_auth report;
--- suppress_stderr
--- request
GET /
--- grep_error_log eval
qr/\[warn\].*evolu_auth.*report/
--- grep_error_log_out eval
[qr/report.*\n\z/, ""]



=== TEST 9: so is a query: source
--- guard
evolu_auth_key_sources query:apikey;
--- suppress_stderr
--- request
GET /
--- error_code: 401
--- grep_error_log eval
qr/\[warn\].*query:/
--- grep_error_log_out eval
[qr/query:.*\n\z/, ""]



=== TEST 10: a prefix and a database of its own
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_pepper p1 $TEST_NGINX_EVOLU_DIR/p1;
evolu_auth_redis $TEST_NGINX_REDIS timeout=2s connect_timeout=2s
                 "prefix=own:{x}:";
--- guard
evolu_auth_instance $evolu_path_last;
--- request eval
["GET /inst-1", "GET /inst-2"]
--- more_headers
apikey: token-of-inst-1
--- error_code eval
[200, 401]
--- reason eval
["ok", "unknown"]
--- upstream_has eval
["X-Evolu-Key-Id: p", undef]
