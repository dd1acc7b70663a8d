# Copyright (C) Evolu Auth Authors
#
# What nginx -t refuses: secrets in files, sources, values.

use lib 't/lib';
use EvoluAuth;

write_file('p1-open', 'ab' x 32, 0644);
write_file('p1-short', 'ab' x 31, 0600);
write_file('p1-long', 'ab' x 65, 0600);
write_file('p1-odd', 'ab' x 32 . 'a', 0600);
write_file('p1-text', 'ab' x 32 . ' pepper', 0600);
write_file('p1-lines', 'ab' x 32 . "\n\n", 0600);
write_file('p1-empty', '', 0600);
write_file('password-open', "secret\n", 0644);

repeat_each(1);
run_tests();

__DATA__

=== TEST 1: a password file that others can read
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis $TEST_NGINX_REDIS password_file=$TEST_NGINX_EVOLU_DIR/password-open timeout=2s connect_timeout=2s;
--- guard
--- refuses
password-open



=== TEST 2: a password file that is not there
--- stores
evolu_auth_zone zone=evolu:1m;
evolu_auth_redis $TEST_NGINX_REDIS password_file=$TEST_NGINX_EVOLU_DIR/no-such;
--- guard
--- refuses
no-such



=== TEST 3: a pepper that others can read
--- http_extra
evolu_auth_pepper p2 $TEST_NGINX_EVOLU_DIR/p1-open;
--- guard
--- refuses
p1-open



=== TEST 4: a pepper of 62 digits
--- http_extra
evolu_auth_pepper p2 $TEST_NGINX_EVOLU_DIR/p1-short;
--- guard
--- refuses
p1-short



=== TEST 5: a pepper of 130 digits
--- http_extra
evolu_auth_pepper p2 $TEST_NGINX_EVOLU_DIR/p1-long;
--- guard
--- refuses
p1-long



=== TEST 6: a pepper of 65 digits
--- http_extra
evolu_auth_pepper p2 $TEST_NGINX_EVOLU_DIR/p1-odd;
--- guard
--- refuses
p1-odd



=== TEST 7: a pepper with something after it
--- http_extra
evolu_auth_pepper p2 $TEST_NGINX_EVOLU_DIR/p1-text;
--- guard
--- refuses
p1-text



=== TEST 8: a pepper with two newlines
--- http_extra
evolu_auth_pepper p2 $TEST_NGINX_EVOLU_DIR/p1-lines;
--- guard
--- refuses
p1-lines



=== TEST 9: a pepper that is empty
--- http_extra
evolu_auth_pepper p2 $TEST_NGINX_EVOLU_DIR/p1-empty;
--- guard
--- refuses
p1-empty



=== TEST 10: a pepper that is not there
--- http_extra
evolu_auth_pepper p2 $TEST_NGINX_EVOLU_DIR/no-such;
--- guard
--- refuses
no-such



=== TEST 11: an empty list of sources
--- guard
evolu_auth_key_sources;
--- refuses
evolu_auth_key_sources



=== TEST 12: a source of another kind
--- guard
evolu_auth_key_sources cookie:key;
--- refuses
cookie



=== TEST 13: a source without a name
--- guard
evolu_auth_key_sources header:;
--- refuses
header:



=== TEST 14: a header source with a control character
--- guard
evolu_auth_key_sources "header:X\tY";
--- refuses
header



=== TEST 15: a source twice
--- guard
evolu_auth_key_sources header:apikey header:ApiKey;
--- refuses
apikey



=== TEST 16: a scope of another kind
--- guard
evolu_auth_scope tenant;
--- refuses
tenant



=== TEST 17: instance accepted, none addressed, no token index
--- guard
evolu_auth_scope instance;
--- refuses
evolu_auth_instance.*evolu_auth_token_index|evolu_auth_token_index.*evolu_auth_instance



=== TEST 18: a mode of another kind
--- guard
evolu_auth_mode prod;
--- refuses
prod



=== TEST 19: an error format of another kind
--- guard
evolu_auth_error_format xml;
--- refuses
xml



=== TEST 20: a realm with a control character
--- guard
evolu_auth_realm "a\nb";
--- refuses
realm



=== TEST 21: an identity header with a control character
--- guard
evolu_auth_header "X\nY" z;
--- refuses
header



=== TEST 22: an identity header without a value
--- guard
evolu_auth_header X-A;
--- refuses
invalid number of arguments in "evolu_auth_header"



=== TEST 23: the failure limit, of no zone
--- guard
evolu_auth_failure_limit zone=f;
--- refuses
unknown failure zone "f"



=== TEST 24: the failure zone, without a rate
--- http_extra
evolu_auth_failure_zone zone=f:1m;
--- guard
--- refuses
evolu_auth_failure_zone



=== TEST 25: no reserved argument
--- guard
evolu_auth_reserved_args;
--- refuses
invalid number of arguments in "evolu_auth_reserved_args"



=== TEST 26: the identity header Host
--- guard
evolu_auth_header Host x;
--- refuses
"?Host



=== TEST 27: the identity header Connection
--- guard
evolu_auth_header Connection x;
--- refuses
"?Connection



=== TEST 28: the identity header Content-Length
--- guard
evolu_auth_header Content-Length x;
--- refuses
"?Content-Length



=== TEST 29: the identity header Transfer-Encoding
--- guard
evolu_auth_header Transfer-Encoding x;
--- refuses
"?Transfer-Encoding



=== TEST 30: the identity header Upgrade
--- guard
evolu_auth_header Upgrade x;
--- refuses
"?Upgrade



=== TEST 31: the identity header TE
--- guard
evolu_auth_header TE x;
--- refuses
"?TE



=== TEST 32: the identity header Trailer
--- guard
evolu_auth_header Trailer x;
--- refuses
"?Trailer



=== TEST 33: the identity header expect
--- guard
evolu_auth_header expect x;
--- refuses
"?expect



=== TEST 34: two readings of Authorization
--- guard
evolu_auth_key_sources bearer header:Authorization;
--- refuses
duplicate source .*(?i:authorization)



=== TEST 35: the other way round
--- guard
evolu_auth_key_sources header:authorization bearer;
--- refuses
duplicate source .*bearer



=== TEST 36: Host as a source
--- guard
evolu_auth_key_sources header:Host;
--- refuses
header:Host



=== TEST 37: Content-Length as a source
--- guard
evolu_auth_key_sources header:Content-Length;
--- refuses
header:Content-Length



=== TEST 38: Transfer-Encoding, in any case, as a source
--- guard
evolu_auth_key_sources bearer header:transfer-encoding;
--- refuses
header:transfer-encoding



=== TEST 39: twins of one identity header
--- guard
evolu_auth_header X-A 1;
evolu_auth_header X_A 2;
--- refuses
X_A



=== TEST 40: twins in another case
--- guard
evolu_auth_header X-Tenant.Id 1;
evolu_auth_header x_tenant-id 2;
--- refuses
x_tenant-id



=== TEST 41: an argument in two spellings, of ours and not
--- guard
evolu_auth_instance $evolu_arg_roomName;
proxy_set_header X-Room $evolu_arg_roomname;
--- refuses
roomname|roomName



=== TEST 42: and reserved otherwise
--- guard
evolu_auth_instance $evolu_arg_roomName;
evolu_auth_reserved_args roomname;
--- refuses
roomname



=== TEST 43: an argument in two spellings, neither of them ours
--- http_extra
map $evolu_arg_roomName $a { default $evolu_arg_roomName; }
map $evolu_arg_roomname $b { default 1; }
--- guard
--- refuses
room[nN]ame.*room[nN]ame



=== TEST 44: and one inside a text, in braces
--- http_extra
map "a$evolu_arg_roomName" $a { default "b-${evolu_arg_RoomName}"; }
--- guard
--- refuses
[rR]oomName.*[rR]oomName



=== TEST 45: two zones in one directive
--- stores
evolu_auth_zone zone=evolu:1m zone=other:1m;
evolu_auth_redis $TEST_NGINX_REDIS timeout=2s connect_timeout=2s;
--- guard
--- refuses
zone
