/* The worker program. See PROTOCOL.md. */
#include "serve.h"

int main(void)
{
    return gai_worker_main();
}
