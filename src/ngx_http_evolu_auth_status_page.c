
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Made by scripts/page.sh from ngx_http_evolu_auth_status_page.html.
 */


#include "ngx_http_evolu_auth_status_page.h"


ngx_str_t  ngx_http_evolu_auth_page_policy = ngx_string(
      "default-src 'none'; style-src 'sha256-nmpJdp24UbQBvNho6Tvkwq5N8noUYjl6vF"
      "s2kgJLqsM='; script-src 'sha256-CImjRDTlhukYQ2AnxOi0wzgPhGQ3Mb3rVwJK24dF"
      "z1M='; connect-src 'self'; img-src data:; base-uri 'none'; form-action '"
      "none'; frame-ancestors 'none'");


const ngx_http_evolu_auth_page_t  ngx_http_evolu_auth_page[] = {

    { ngx_string(
      "<!DOCTYPE html>\n"
      "<title>evolu_auth "),
      "zone" },

    { ngx_string(
      "</title>\n"
      "<style>body { }</style>\n"
      "<script>1;</script>\n"),
      "versions" },

    { ngx_string(
      "\n"
      "<table>"),
      "requests_total" },

    { ngx_string(
      "</table>\n"),
      NULL },

    { ngx_null_string, NULL }
};
