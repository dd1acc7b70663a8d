
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_url: where a store is.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evolu_url.h"


typedef struct {
    const char  *text;
    const char  *user;
    const char  *host;
    const char  *path;
    unsigned     port;
    unsigned     db;
} good_t;


typedef struct {
    const char  *text;
    const char  *says;
} bad_t;


typedef struct {
    const char  *text;
    const char  *user;
    const char  *master;
    unsigned     db;
    const char  *hosts[3];
    unsigned     ports[3];
} sentinel_t;


static const good_t  good[] = {
    { "redis://127.0.0.1", "", "127.0.0.1", "", 6379, 0 },
    { "redis://127.0.0.1:1", "", "127.0.0.1", "", 1, 0 },
    { "redis://r:65535/15", "", "r", "", 65535, 15 },
    { "redis://edge@r.example/", "edge", "r.example", "", 6379, 0 },
    { "redis://edge@[::1]:7/65535", "edge", "::1", "", 7, 65535 },
    { "redis://[fe80::1]", "", "fe80::1", "", 6379, 0 },
    { "rediss://r.example", "", "r.example", "", 6379, 0 },
    { "rediss://edge@[::1]:7/3", "edge", "::1", "", 7, 3 },
    { "unix:/run/redis.sock", "", "", "/run/redis.sock", 0, 0 }
};


static const sentinel_t  sentinels[] = {
    { "sentinel://a/m", "", "m", 0, { "a" }, { 26379 } },
    { "sentinel://a:1,[::1]:2,b/my-primary/9", "", "my-primary", 9,
      { "a", "::1", "b" }, { 1, 2, 26379 } },
    { "sentinel://edge@a,b:65535/m/", "edge", "m", 0, { "a", "b" },
      { 26379, 65535 } }
};


static const bad_t  bad[] = {
    { "", "begins with none" },
    { "127.0.0.1:6379", "begins with none" },
    { "REDIS://h", "begins with none" },
    { "http://h", "begins with none" },
    { "rediss:/h", "begins with none" },
    { "rediss://", "no host" },
    { "rediss://u:secret@h", "password" },
    { "sentinel://h:1", "no name of a primary" },
    { "sentinel://h:1/", "no name of a primary" },
    { "sentinel://h:1//3", "no name of a primary" },
    { "sentinel://h:1/a b", "no name of a primary" },
    { "sentinel://h:1/m/x", "no database number" },
    { "sentinel://h:1/m/1/2", "no database number" },
    { "sentinel:///m", "no host" },
    { "sentinel://h,/m", "no host" },
    { "sentinel://,h/m", "no host" },
    { "sentinel://a,,b/m", "no host" },
    { "sentinel://a:0/m", "bad port" },
    { "sentinel://a,b:x/m", "bad port" },
    { "sentinel://a,[::1/m", "bad IPv6" },
    { "sentinel://u:secret@h/m", "password" },
    { "sentinel://@h/m", "empty user" },
    { "sentinel://1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/m",
      "more than 16" },
    { "unix:", "no absolute path" },
    { "unix:/", "no absolute path" },
    { "unix:run/redis.sock", "no absolute path" },
    { "redis://", "no host" },
    { "redis:///1", "no host" },
    { "redis://:6379", "no host" },
    { "redis://user@", "no host" },
    { "redis://@h", "empty user" },
    { "redis://user:secret@h", "password" },
    { "redis://:secret@h", "password" },
    { "redis://h:", "bad port" },
    { "redis://h:0", "bad port" },
    { "redis://h:65536", "bad port" },
    { "redis://h:1x", "bad port" },
    { "redis://::1", "no host" },
    { "redis://[::1", "bad IPv6" },
    { "redis://[::1]7", "bad IPv6" },
    { "redis://h/x", "no database number" },
    { "redis://h/65536", "no database number" },
    { "redis://h/1/2", "no database number" }
};


static void
assert_bytes(evolu_bytes_t b, const char *text)
{
    assert_int_equal(b.len, strlen(text));

    if (b.len) {
        assert_memory_equal(b.data, text, b.len);
    }
}


static const char *
parse(const char *text, evolu_url_t *u)
{
    evolu_bytes_t  b;

    b.data = (const unsigned char *) text;
    b.len = strlen(text);

    return evolu_url_parse(b, u);
}


static void
test_good(void **state)
{
    size_t       i;
    evolu_url_t  u;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_null(parse(good[i].text, &u));
        assert_bytes(u.user, good[i].user);
        assert_bytes(u.host, good[i].host);
        assert_bytes(u.path, good[i].path);
        assert_int_equal(u.port, good[i].port);
        assert_int_equal(u.db, good[i].db);
        assert_int_equal(u.tls, strncmp(good[i].text, "rediss", 6) == 0);
        assert_int_equal(u.sentinels.len, 0);
    }
}


static void
test_sentinels(void **state)
{
    size_t         i, n, pos;
    unsigned       port;
    evolu_url_t    u;
    evolu_bytes_t  host;

    for (i = 0; i < sizeof(sentinels) / sizeof(sentinels[0]); i++) {
        assert_null(parse(sentinels[i].text, &u));
        assert_bytes(u.user, sentinels[i].user);
        assert_bytes(u.master, sentinels[i].master);
        assert_bytes(u.host, "");
        assert_int_equal(u.db, sentinels[i].db);
        assert_int_equal(u.tls, 0);

        pos = 0;

        for (n = 0; n < 3 && sentinels[i].hosts[n] != NULL; n++) {
            assert_int_equal(evolu_url_sentinel(&u, &pos, &host, &port), 1);
            assert_bytes(host, sentinels[i].hosts[n]);
            assert_int_equal(port, sentinels[i].ports[n]);
        }

        assert_int_equal(evolu_url_sentinel(&u, &pos, &host, &port), 0);
    }
}


static void
test_bad(void **state)
{
    size_t       i;
    const char  *says;
    evolu_url_t  u;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        says = parse(bad[i].text, &u);

        assert_non_null(says);
        assert_non_null(strstr(says, bad[i].says));

        /* what may be a password is not repeated */
        assert_null(strstr(says, "secret"));
    }
}


static void
test_nul(void **state)
{
    evolu_url_t  u;

    assert_non_null(evolu_url_parse(evolu_literal("redis://h\0x"), &u));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_sentinels),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_nul)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
