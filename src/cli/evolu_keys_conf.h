
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Stores and peppers as a configuration of nginx names them.
 */


#ifndef _EVOLU_KEYS_CONF_H_INCLUDED_
#define _EVOLU_KEYS_CONF_H_INCLUDED_


#include "evolu_keys.h"


/*
 * Reads options->nginx_conf and what it includes, and takes from it what the
 * command line did not say: the stores where it named none, the peppers where
 * it gave none.  Values live as long as the process.
 */
evolu_keys_status_t evolu_keys_conf_read(evolu_keys_options_t *options);


#endif /* _EVOLU_KEYS_CONF_H_INCLUDED_ */
