# Copyright (C) Evolu Auth Authors
#
# What makes a good key bad: time, status, address.

use lib 't/lib';
use EvoluAuth;

redis('HSET', 'evolu:campaign:live:mapped', v => 1,
      field('m', 'evolu_live_mapped_m-12345678901234567', 'ip=127.0.0.1'),
      field('s', 'evolu_live_mapped_s-12345678901234567', 'ip=::/0'),
      field('z', 'evolu_live_mapped_z-12345678901234567', 'ip=0.0.0.0/0'));

run_tests();

__DATA__

=== TEST 1: time
--- guard
--- cases
apikey: evolu_live_timed_old-123456789012345 | 401 | expired scope=campaign id=old
apikey: evolu_live_timed_new-123456789012345 | 401 | not_yet_valid scope=campaign id=new
apikey: evolu_live_timed_fit-123456789012345 | 200 | ok
apikey: evolu_live_timed_old-12345678901234x | 401 | bad_secret scope=campaign id=-



=== TEST 2: status
--- guard
--- cases
apikey: evolu_live_timed_dis-123456789012345 | 401 | disabled scope=campaign id=dis



=== TEST 3: status of the record
--- guard
--- cases
apikey: evolu_live_dead_DeadSecret0123456789 | 401 | disabled
apikey: evolu_live_dead_DeadSecret0123456780 | 401 | bad_secret



=== TEST 4: address
--- guard
--- cases
apikey: evolu_live_timed_near-12345678901234 | 200 | ok
apikey: evolu_live_timed_far-123456789012345 | 403 | address scope=campaign id=far
apikey: evolu_live_timed_far-12345678901234x | 401 | bad_secret



=== TEST 5: address as nginx sees it after realip
--- server_config
set_real_ip_from 127.0.0.1;
--- guard
--- cases
apikey: evolu_live_timed_far-123456789012345\nX-Real-IP: 10.1.1.1 | 200 | ok
apikey: evolu_live_timed_far-123456789012345\nX-Real-IP: 2001:db8::1 | 200 | ok
apikey: evolu_live_timed_far-123456789012345\nX-Real-IP: 11.1.1.1 | 403 | address
apikey: evolu_live_timed_near-12345678901234\nX-Real-IP: 10.1.1.1 | 403 | address
apikey: evolu_live_timed_near-12345678901234\nX-Real-IP: ::ffff:127.0.0.9 | 200 | ok



=== TEST 6: realip is not believed from anywhere else
--- server_config
set_real_ip_from 192.0.2.1;
--- guard
--- cases
apikey: evolu_live_timed_far-123456789012345\nX-Real-IP: 10.1.1.1 | 403 | address



=== TEST 7: families do not mix
--- guard
--- cases
apikey: evolu_live_mapped_m-12345678901234567 | 200 | ok
apikey: evolu_live_mapped_z-12345678901234567 | 200 | ok
apikey: evolu_live_mapped_s-12345678901234567 | 403 | address



=== TEST 8: a unix: peer is outside every list
--- http_extra
server {
    listen unix:$TEST_NGINX_EVOLU_DIR/front.sock;
    location / {
        evolu_auth on;
        proxy_pass $TEST_NGINX_UPSTREAM;
    }
}
--- config
location / {
    proxy_pass http://unix:$TEST_NGINX_EVOLU_DIR/front.sock;
}
--- cases
apikey: evolu_live_timed_near-12345678901234 | 403 | address
apikey: evolu_live_aB3dE6gH_LiveSecret0123456789 | 200 | ok



=== TEST 9: instances
--- guard
evolu_auth_instance timed;
--- cases
apikey: token-old-timed | 401 | expired scope=instance id=old
apikey: token-far-timed | 403 | address scope=instance id=far
