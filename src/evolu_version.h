
/*
 * Copyright (C) Evolu Auth Authors
 */


#ifndef _EVOLU_VERSION_H_INCLUDED_
#define _EVOLU_VERSION_H_INCLUDED_


#define EVOLU_AUTH_VERSION  "0.1.0"


#endif /* _EVOLU_VERSION_H_INCLUDED_ */
