# Copyright (C) Evolu Auth Authors
#
# What nginx -t refuses: contexts, zone and stores.  Its line says where it
# stands, and what is wrong.

use lib 't/lib';
use EvoluAuth;

repeat_each(1);
run_tests();

__DATA__

=== TEST 1: evolu_auth on without a zone
--- stores
evolu_auth_redis $TEST_NGINX_REDIS;
--- guard
--- refuses
evolu_auth_zone



=== TEST 2: evolu_auth on without a store
--- stores
evolu_auth_zone zone=evolu:1m;
--- guard
--- refuses
evolu_auth_redis.*evolu_auth_key_file



=== TEST 3: evolu_auth optional without a zone
--- stores
--- guard
evolu_auth optional;
--- refuses
evolu_auth_zone



=== TEST 4: evolu_auth report without a store
--- stores
evolu_auth_zone zone=evolu:1m;
--- guard
evolu_auth report;
--- refuses
evolu_auth_redis.*evolu_auth_key_file



=== TEST 5: in limit_except without a zone
--- stores
--- config
location / {
    limit_except GET { evolu_auth on; }
}
--- refuses
evolu_auth_zone



=== TEST 6: a second zone
--- http_extra
evolu_auth_zone zone=other:1m;
--- guard
--- refuses
evolu_auth_zone



=== TEST 7: a second redis
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis $TEST_NGINX_REDIS;
evolu_auth_redis $TEST_NGINX_REDIS;
--- guard
--- refuses
evolu_auth_redis



=== TEST 8: a second key file
--- http_extra
evolu_auth_key_file $TEST_NGINX_EVOLU_DIR/keys;
--- guard
--- refuses
evolu_auth_key_file



=== TEST 9: a second pepper of the same name
--- http_extra
evolu_auth_pepper p1 $TEST_NGINX_EVOLU_DIR/p1;
--- guard
--- refuses
evolu_auth_pepper.*p1|p1.*evolu_auth_pepper|pepper "p1"



=== TEST 10: evolu_auth twice
--- guard
evolu_auth on;
evolu_auth on;
--- refuses
"evolu_auth" directive is duplicate



=== TEST 11: evolu_auth of another kind
--- guard
evolu_auth maybe;
--- refuses
evolu_auth.*maybe|maybe



=== TEST 12: evolu_auth_zone in a server
--- server_config
evolu_auth_zone zone=evolu:1m;
--- refuses
"evolu_auth_zone" directive is not allowed here



=== TEST 13: evolu_auth_redis in a location
--- guard
evolu_auth_redis $TEST_NGINX_REDIS;
--- refuses
"evolu_auth_redis" directive is not allowed here



=== TEST 14: evolu_auth_key_file in a server
--- server_config
evolu_auth_key_file $TEST_NGINX_EVOLU_DIR/keys;
--- refuses
"evolu_auth_key_file" directive is not allowed here



=== TEST 15: evolu_auth_pepper in a server
--- server_config
evolu_auth_pepper p2 $TEST_NGINX_EVOLU_DIR/p1;
--- refuses
"evolu_auth_pepper" directive is not allowed here



=== TEST 16: evolu_auth in an if
--- guard
if ($arg_a) { evolu_auth off; }
--- refuses
"evolu_auth" directive is not allowed here



=== TEST 17: evolu_auth_whoami in an if
--- guard
if ($arg_a) { evolu_auth_whoami; }
--- refuses
"evolu_auth_whoami" directive is not allowed here



=== TEST 18: evolu_auth_whoami in limit_except
--- guard
limit_except GET { evolu_auth_whoami; }
--- refuses
"evolu_auth_whoami" directive is not allowed here



=== TEST 19: a zone without a name
--- stores
evolu_auth_zone fresh=1m;
evolu_auth_redis $TEST_NGINX_REDIS;
--- guard
--- refuses
evolu_auth_zone|zone



=== TEST 20: a zone without a size
--- stores
evolu_auth_zone zone=evolu;
evolu_auth_redis $TEST_NGINX_REDIS;
--- guard
--- refuses
zone



=== TEST 21: a zone too small
--- stores
evolu_auth_zone zone=evolu:4k;
evolu_auth_redis $TEST_NGINX_REDIS;
--- guard
--- refuses
small



=== TEST 22: a zone's parameter that is none
--- stores
evolu_auth_zone zone=evolu:1m stael=1m;
evolu_auth_redis $TEST_NGINX_REDIS;
--- guard
--- refuses
stael



=== TEST 23: a zone's time that is none
--- stores
evolu_auth_zone zone=evolu:1m fresh=soon;
evolu_auth_redis $TEST_NGINX_REDIS;
--- guard
--- refuses
fresh



=== TEST 24: preload without Redis
--- stores
evolu_auth_zone zone=evolu:1m preload;
evolu_auth_key_file $TEST_NGINX_EVOLU_DIR/keys;
evolu_auth_pepper p1 $TEST_NGINX_EVOLU_DIR/p1;
--- guard
--- refuses
"preload" of "evolu_auth_zone" needs "evolu_auth_redis"



=== TEST 25: rediss:// with a CA that is not there
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis rediss://127.0.0.1:6379 ca=/nowhere/ca.pem;
--- guard
--- refuses
/nowhere/ca.pem



=== TEST 26: sentinel:// without a name
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis sentinel://127.0.0.1:26379;
--- guard
--- refuses
no name of a primary



=== TEST 27: a URL of another kind
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis http://127.0.0.1:6379;
--- guard
--- refuses
none of "redis://"



=== TEST 28: a password in the URL
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis redis://user:hunter2@127.0.0.1:6379;
--- guard
--- refuses
password_file



=== TEST 29: a host that is unknown
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis redis://nowhere.invalid:6379;
--- guard
--- refuses
nowhere.invalid



=== TEST 30: a port that is none
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis redis://127.0.0.1:99999;
--- guard
--- refuses
99999|port



=== TEST 31: a database that is none
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis $TEST_NGINX_REDIS db=x;
--- guard
--- refuses
db|database



=== TEST 32: a redis parameter that is none
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis $TEST_NGINX_REDIS timout=1s;
--- guard
--- refuses
timout



=== TEST 33: a redis timeout of nothing
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis $TEST_NGINX_REDIS timeout=0;
--- guard
--- refuses
timeout
