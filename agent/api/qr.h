/* Text as a QR code: the one door to libqrencode. */
#ifndef LANYARD_AGENT_API_QR_H
#define LANYARD_AGENT_API_QR_H

#include <jansson.h>

/* {"size": N, "rows": [...]}: N rows of N digits, 1 for a dark square; the light edge that has to be around it is not in
 * it. Null if the text is too long for one. */
json_t *qr_of_text(const char *text);

#endif
