# Copyright (C) Evolu Auth Authors
#
# Of several reasons the first of the contract's order is given.

use lib 't/lib';
use EvoluAuth;

run_tests();

__DATA__

=== TEST 1: connection_header before everything
--- guard
--- cases
apikey: a\napikey: b\nConnection: close, apikey | 400 | connection_header
Connection: close, X-Evolu-Scope | 400 | connection_header
apikey: short\nConnection: close, authorization | 400 | connection_header



=== TEST 2: duplicate before missing and malformed
--- guard
--- cases
apikey:\napikey: | 401 | duplicate
apikey: short\napikey: short | 401 | duplicate



=== TEST 3: malformed before scope and bad_path
--- server_config
location /g/ {
    evolu_auth on;
    evolu_auth_scope global;
    evolu_auth_instance $evolu_path_last;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /g//x | apikey: short | 401 | malformed
GET /g//x | - | 401 | missing
GET /g//x | apikey: token-of-inst-1 | 403 | scope
GET /g//x | apikey: global-key-of-the-house | 400 | bad_path



=== TEST 4: wrong_family before bad_path, bad_path before unknown
--- server_config
location /i/ {
    evolu_auth on;
    evolu_auth_instance $evolu_path_last;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
location /c/ {
    evolu_auth on;
    evolu_auth_campaign $evolu_path_last;
    proxy_pass $TEST_NGINX_UPSTREAM;
}
--- cases
GET /i//x | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 401 | wrong_family
GET /i//x | apikey: token-of-nobody | 400 | bad_path
GET /c//x | apikey: token-of-inst-1 | 401 | wrong_family
GET /c//x | apikey: evolu_live_nobody_LiveSecret0123456789 | 400 | bad_path



=== TEST 5: no 403 before the secret is verified
--- guard
evolu_auth_scope instance campaign;
evolu_auth_instance $evolu_path_last;
evolu_auth_mode test;
evolu_auth_reserved_args instanceName;
--- cases
GET /i/inst-2?instanceName=x | apikey: evolu_live_aB3dE6gH_LiveSecret0123456780 | 401 | bad_secret
GET /i/inst-2?instanceName=x | apikey: evolu_live_nobody_LiveSecret0123456789 | 401 | unknown
GET /i/inst-1?instanceName=x | apikey: token-of-inst-2 | 401 | bad_secret
GET /i/inst-2?instanceName=x | apikey: evolu_live_timed_old-123456789012345 | 401 | expired
GET /i/inst-2?instanceName=x | apikey: evolu_live_timed_far-123456789012345 | 403 | address
GET /i/inst-2?instanceName=x | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_mode
GET /i/inst-2?instanceName=x | apikey: evolu_test_aB3dE6gH_TestSecret0123456789 | 403 | wrong_instance
GET /i/inst-1?instanceName=x | apikey: evolu_test_aB3dE6gH_TestSecret0123456789 | 403 | reserved_arg
GET /i/inst-1 | apikey: evolu_test_aB3dE6gH_TestSecret0123456789 | 200 | ok



=== TEST 6: wrong_campaign before wrong_instance
--- guard
evolu_auth_campaign $arg_c;
evolu_auth_instance $evolu_path_last;
evolu_auth_reserved_args instanceName;
--- cases
GET /i/inst-2?c=free&instanceName= | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_campaign
GET /i/inst-2?c=aB3dE6gH&instanceName= | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | wrong_instance
GET /i/inst-1?c=aB3dE6gH&instanceName= | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 403 | reserved_arg
GET /i/inst-1?c=aB3dE6gH | apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 7: of two entries with one secret the one that allows wins
--- guard
--- cases
apikey: evolu_live_timed_dup-123456789012345 | 200 | ok



=== TEST 8: the reason of the first in id order, when none allows
--- init
main::redis('HSET', 'evolu:campaign:live:twins', 'v', 1,
    main::field('b', 'evolu_live_twins_secret-0123456789', 'exp=1000000'),
    main::field('a', 'evolu_live_twins_secret-0123456789', 'ip=10.0.0.0/8'));
--- guard
--- cases
apikey: evolu_live_twins_secret-0123456789 | 403 | address scope=campaign id=a
