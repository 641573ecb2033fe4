/* backends.h: the backends of this build. Names: rnl_backend_names. */
#ifndef RNLI_BACKEND_BACKENDS_H
#define RNLI_BACKEND_BACKENDS_H

#include <runnel/backend.h>

extern const struct rnl_backend_ops rnli_epoll_ops;
extern const struct rnl_backend_ops rnli_iocp_ops;
extern const struct rnl_backend_ops rnli_kqueue_ops;
extern const struct rnl_backend_ops rnli_select_ops;
extern const struct rnl_backend_ops rnli_sim_ops;

/* By its name; NULL asks for the best. NULL if there is none of that name. */
const struct rnl_backend_ops *rnli_backend_find(const char *name);

#endif
