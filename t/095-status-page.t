# Copyright (C) Evolu Auth Authors
#
# The status page in a browser: it shows what the metrics say, with and without
# JavaScript, and takes nothing from elsewhere.  Screenshots are in
# build/reports/page.

use strict;
use warnings;

use lib 't/lib';
use EvoluBrowser;
use EvoluNginx;
use EvoluStatus;
use File::Path qw(make_path);
use Test::More;

if (!EvoluBrowser::program() && !$ENV{CI}) {
    plan(skip_all => 'no Chromium');
}

my $shots = ($ENV{EVOLU_BUILD} || 'build') . '/reports/page';
my $redis = EvoluNginx::Redis->start;
my $browser = EvoluBrowser->start("$dir/profile");

make_path($shots);
$redis->fill;

my $nginx = EvoluNginx->start(
    redis => $redis, workers => 2,
    stores => 'evolu_auth_zone "zone=a\\"b<i>&:1m";'
              . 'evolu_auth_redis ' . $redis->address . ' timeout=2s;'
              . "evolu_auth_pepper p1 $dir/p1; evolu_auth_key_file $dir/keys;",
    server => 'location /status { evolu_auth_status html; }
               location /basic { evolu_auth_status html; auth_basic "who?";
                                 auth_basic_user_file ' . "$dir/users; }");
my $url = "http://127.0.0.1:$nginx->{port}/status";

EvoluNginx::write_file('users', "ops:{PLAIN}pass\n");
chmod(0644, "$dir/users");

$nginx->ask($LIVE) for 1 .. 1200;
$nginx->ask($WRONG) for 1 .. 30;
$nginx->ask($UNKNOWN) for 1 .. 20;
$nginx->ask(undef);


# The number that the page has for a label's value

sub shown {
    my ($page, $metric, $key) = @_;

    return $page->value("document.querySelector('[data-metric=$metric] "
                        . "[data-key=$key]').cells[1].textContent");
}


sub text {
    my ($page, $selector) = @_;

    return $page->value("document.querySelector('$selector').textContent");
}


sub sound {
    my ($page, $name) = @_;

    is_deeply([$page->complaints], [], "$name: no complaint");
    is_deeply([grep { !m{^\Q$url\E(?:\?format=json)?$|^data:} }
               $page->requests], [], "$name: nothing from elsewhere");

    return;
}


sub live {
    my $page = $browser->open($url);

    within(10, 'light: numbers as people write them', sub {
        shown($page, 'requests_total', 'allowed') eq '1,200'
    });
    is(shown($page, 'denied_total', 'bad_secret'), '30', 'of a reason');
    is(shown($page, 'redis_links', 'live'), '2', 'links');
    is(shown($page, 'cache_lookups_total', 'miss'), '2', 'misses');
    is($page->value('document.querySelector("[data-metric=denied_total] '
                    . 'tbody tr").dataset.key'), 'bad_secret',
       'the most frequent reason stands first');
    is(text($page, 'h1 span'), 'a"b<i>&', 'the name of the zone');
    like(text($page, '#health'),
         qr/^2 of 2 links to Redis live\s*changes are pushed\s*zone \d+ % full$/,
         'in words');
    is(text($page, '#state'), 'live', 'live');
    is(text($page, '#hits-all'), '99.8 %', 'hits of the cache');
    like(text($page, '#p50'), qr/^[\d.]+ (?:\x{b5}s|ms)$/, 'half of the waits');

    # it goes on

    $nginx->ask($LIVE) for 1 .. 34;
    within(10, 'polls', sub {
        shown($page, 'requests_total', 'allowed') eq '1,234'
    });
    within(10, 'draws', sub {
        $page->value('document.querySelector("#rates path[data-key=allowed]")'
                     . '.getAttribute("d")') =~ /^M.*L.*Z$/
        && $page->value('[...document.querySelectorAll("[data-metric='
                        . 'requests_total] .rate")].map((e) => e.textContent)'
                        . '.join()') =~ /^[\d.]+,[\d.]+,0,[\d.]+,0$/
    });

    # 1 is the last bound but one, wherever JavaScript puts it

    is($page->value('[...document.querySelectorAll("[data-metric='
                    . 'lookup_duration_seconds] [data-key]")]'
                    . '.map((e) => e.cells[1].textContent).join()')
       =~ s/[^-]//gr, '', 'buckets: none below zero');
    is($page->value('[...document.querySelectorAll("[data-metric='
                    . 'lookup_duration_seconds] [data-key]")]'
                    . '.map((e) => Number(e.cells[1].textContent))'
                    . '.reduce((a, b) => a + b)'),
       metrics($nginx)->{lookup_duration_seconds}{count}, 'all waits');

    $page->screenshot("$shots/light.png");
    sound($page, 'light');

    # what is not of the page is not run

    $page->value('document.body.append(Object.assign(document.createElement('
                 . '"script"), { textContent: "window.evil = 1" }))');
    is($page->value('typeof window.evil'), 'undefined', 'a script of others');
    like(join("\n", $page->complaints),
         qr/^security:.*Content Security Policy/m, 'is refused by the policy');
    $page->close;

    return;
}


sub other_eyes {
    my $light = 'getComputedStyle(document.body).backgroundColor';
    my $page = $browser->open($url, dark => 1);

    within(10, 'dark: live', sub { text($page, '#state') eq 'live' });
    is($page->value($light), 'rgb(16, 21, 27)', 'dark');
    sound($page, 'dark');
    $page->screenshot("$shots/dark.png");
    $page->close;

    $page = $browser->open($url, width => 360, height => 780);
    within(10, 'phone: live', sub { text($page, '#state') eq 'live' });
    is($page->value($light), 'rgb(244, 246, 248)', 'light');
    is($page->value('document.documentElement.scrollWidth'), 360,
       'nothing stands out at the side');
    is($page->value('[...document.querySelectorAll("table")].filter(t =>'
                    . ' t.getBoundingClientRect().right > t.parentElement'
                    . '.getBoundingClientRect().right).length'), 0,
       'nor of its box');
    sound($page, 'phone');
    $page->screenshot("$shots/phone.png");
    $page->close;

    # behind a password, which is in the URL

    $page = $browser->open("http://ops:pass\@127.0.0.1:$nginx->{port}/basic");
    within(10, 'with a password: live', sub {
        text($page, '#state') eq 'live'
    });
    is_deeply([$page->complaints], [], 'and no complaint');
    $page->close;

    return;
}


sub without_script {
    my $page = $browser->open($url, script => 0);

    is(shown($page, 'requests_total', 'allowed'), '1234', 'no JavaScript');
    is(shown($page, 'denied_total', 'unknown'), '20', 'of a reason');
    is($page->value('[...document.querySelectorAll("[data-metric] td")]'
                    . '.filter((td) => !/^\d+$/.test(td.textContent)).length'),
       0, 'a number in every cell');
    is($page->value('[...document.querySelectorAll(".live")]'
                    . '.filter((e) => e.checkVisibility()).length'), 0,
       'no empty chart');
    like(text($page, 'footer'), qr/every\s10\sseconds/, 'loads itself again');
    sound($page, 'no JavaScript');
    $page->screenshot("$shots/no-script.png");
    $page->close;

    return;
}


# What an operator must see

sub trouble {
    my $page = $browser->open($url);

    within(10, 'live', sub { text($page, '#state') eq 'live' });
    $redis->kill;
    within(20, 'no link, and stale records serve', sub {
        $nginx->ask($LIVE);

        my $health = text($page, '#health');

        return $health =~ /^0 of 2 links to Redis live/
               && $health =~ /stale records serve/
               && $health !~ /pushed/;
    });
    $page->screenshot("$shots/trouble.png");
    sound($page, 'trouble');

    $nginx->signal('TERM');
    within(20, 'nginx is gone', sub {
        text($page, '#state') =~ /^no answer since \d/
    });
    $page->close;

    return;
}


live();
other_eyes();
without_script();
trouble();

$browser->stop;
within(10, 'nginx ends', sub { $nginx->gone });
$nginx->healthy;

done_testing();
