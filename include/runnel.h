/* runnel.h: Python's asyncio Streams for C. Everything but runnel/core.h's
 * readers for other people's loops, and runnel/backend.h for writers of
 * backends, which are included by name. */
#ifndef RUNNEL_H
#define RUNNEL_H

#include <runnel/base.h>
#include <runnel/task.h>
#include <runnel/sync.h>
#include <runnel/loop.h>
#include <runnel/stream.h>
#include <runnel/flow.h>
#include <runnel/server.h>
#include <runnel/handover.h>
#include <runnel/inspect.h>
#include <runnel/embed.h>

#endif
