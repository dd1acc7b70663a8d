# Copyright (C) Evolu Auth Authors
#
# evolu_auth_status: where it may stand and what it takes.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: without a zone
--- stores
--- server_config
location /s { evolu_auth_status; }
--- refuses
"evolu_auth_status" needs a zone; add "evolu_auth_zone zone=NAME:SIZE" to http



=== TEST 2: with a zone, and no store
--- stores
evolu_auth_zone zone=evolu:1m;
--- server_config
location /s { evolu_auth_status json; }
--- request
GET /s
--- response_body_like: ^\{"zone":"evolu",.*"redis_links":\{"down":0,"connecting":0,"not_ready":0,"live":0\}



=== TEST 3: a format that is none
--- server_config
location /s { evolu_auth_status xml; }
--- refuses
invalid value "xml"



=== TEST 4: two formats
--- server_config
location /s { evolu_auth_status json html; }
--- refuses
invalid number of arguments in "evolu_auth_status" directive



=== TEST 5: twice
--- server_config
location /s { evolu_auth_status; evolu_auth_status json; }
--- refuses
"evolu_auth_status" directive is duplicate



=== TEST 6: twice, the other way
--- server_config
location /s { evolu_auth_status json; evolu_auth_status; }
--- refuses
"evolu_auth_status" directive is duplicate



=== TEST 7: in a server
--- server_config
evolu_auth_status;
--- refuses
"evolu_auth_status" directive is not allowed here



=== TEST 8: in an if
--- guard
if ($arg_a) { evolu_auth_status; }
--- refuses
"evolu_auth_status" directive is not allowed here



=== TEST 9: in limit_except
--- guard
limit_except GET { evolu_auth_status; }
--- refuses
"evolu_auth_status" directive is not allowed here



=== TEST 10: each location has its own
--- server_config
location /s { evolu_auth_status html;
    location /s/json { evolu_auth_status json; }
    location /s/text { evolu_auth_status prometheus; }
    location /s/plain { evolu_auth_status; }
}
--- request eval
['GET /s', 'GET /s/json', 'GET /s/text', 'GET /s/plain']
--- response_body_like eval
[qr/\A<!DOCTYPE html>/, qr/\A\{"zone"/, qr/\A# HELP /, qr/\A# HELP /]
