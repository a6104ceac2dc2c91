#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

static const double SEND_GUARD_S = 5;

static char out[MAX_FRAME_BYTES + 16];
static char filled[MAX_FRAME_BYTES];

/* Writes all of it; a server that takes nothing for five seconds loses the connection. */
void send_raw(Connection *connection, const char *bytes, int length) {
  double give_up = 0;
  while (length > 0) {
    ssize_t sent = send(connection->fd, bytes, (size_t)length, MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes += sent;
      length -= (int)sent;
      continue;
    }
    if (give_up == 0) give_up = now() + SEND_GUARD_S;
    if (errno != EAGAIN || now() > give_up) {
      drop(connection, "send");
      return;
    }
    usleep(100);
  }
}

/* RFC 6455 §5.2: a client masks; the mask of zeros leaves the payload as it is. */
void send_frame(Connection *connection, const char *payload, int length, int opcode) {
  int at = 0;
  if (length > MAX_FRAME_BYTES - 16) length = MAX_FRAME_BYTES - 16;
  out[at++] = (char)(0x80 | opcode);
  if (length < 126) {
    out[at++] = (char)(0x80 | length);
  } else if (length < 65536) {
    out[at++] = (char)(0x80 | 126);
    out[at++] = (char)(length >> 8);
    out[at++] = (char)length;
  } else {
    out[at++] = (char)(0x80 | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out[at++] = (char)((unsigned long long)length >> shift);
  }
  memset(out + at, 0, 4);
  at += 4;
  memcpy(out + at, payload, (size_t)length);
  send_raw(connection, out, at + length);
}

int fill_template(const char *template, long index, char *to) {
  int at = 0;
  for (; *template != 0 && at < MAX_FRAME_BYTES - options.body_bytes - 32; template ++) {
    if (*template != '%') {
      to[at++] = *template;
      continue;
    }
    switch (*++template) {
    case 'i': at += sprintf(to + at, "%ld", index); break;
    case 'p': at += sprintf(to + at, "%ld", index ^ 1); break;
    case 'B':
      memset(to + at, 'x', (size_t)options.body_bytes);
      at += options.body_bytes;
      break;
    default: to[at++] = *template;
    }
  }
  to[at] = 0;
  return at;
}

static void note_sent(Connection *connection) {
  if (connection->outstanding == MAX_WINDOW) return;
  connection->sent_at[(connection->first_sent + connection->outstanding) % MAX_WINDOW] = now();
  connection->outstanding++;
}

/* The connection's next frame of the file, or the template. A connection whose frames are used up sends nothing. */
void send_message(Connection *connection) {
  int length;
  const char *frame;
  if (options.frame_file != NULL) {
    frame = next_frame_of(connection, &length);
    if (frame == NULL) return;
  } else {
    length = fill_template(options.template, connection - connections, filled);
    frame = filled;
  }
  note_sent(connection);
  send_frame(connection, frame, length, TEXT);
}

static bool begins_with(Connection *connection, const char *marker) {
  return memmem(connection->prefix, (size_t)connection->prefix_length, marker, strlen(marker)) != NULL;
}

static void frame_done(Connection *connection) {
  if (connection->opcode == PING) send_frame(connection, connection->prefix, connection->prefix_length, PONG);
  if (connection->opcode == CLOSE) drop(connection, "closed by the server");
  if (connection->opcode != TEXT && connection->opcode != BINARY) return;
  if (options.error_marker != NULL && begins_with(connection, options.error_marker)) {
    if (counters.errors++ < 3) fprintf(stderr, "load: refused: %.*s\n", connection->prefix_length, connection->prefix);
    return;
  }
  if (options.delivery_marker != NULL && !begins_with(connection, options.delivery_marker)) return;
  counters.deliveries++;
  connection->deliveries++;
  if (on_delivery != NULL) on_delivery(connection);
}

/* Takes one byte of a frame's header; true when the header is complete. */
static bool read_header(Connection *connection, unsigned char byte) {
  unsigned char *header = connection->header;
  header[connection->header_length++] = byte;
  if (connection->header_length < 2) return false;
  int length = header[1] & 127;
  int extra = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (connection->header_length < 2 + extra) return false;
  unsigned long long payload = extra == 0 ? (unsigned long long)length : 0;
  for (int i = 0; i < extra; i++) payload = payload << 8 | header[2 + i];
  connection->opcode = header[0] & 15;
  connection->payload_left = payload;
  connection->header_length = 0;
  connection->prefix_length = 0;
  return true;
}

static int read_payload(Connection *connection, const char *bytes, int length) {
  int taken = (unsigned long long)length < connection->payload_left ? length : (int)connection->payload_left;
  int room = PREFIX_BYTES - connection->prefix_length;
  int kept = taken < room ? taken : room;
  memcpy(connection->prefix + connection->prefix_length, bytes, (size_t)kept);
  connection->prefix_length += kept;
  connection->payload_left -= (unsigned long long)taken;
  return taken;
}

void read_frames(Connection *connection, const char *bytes, int length) {
  while (length > 0 && connection->state != DEAD) {
    int taken = 1;
    if (connection->payload_left > 0) taken = read_payload(connection, bytes, length);
    else if (!read_header(connection, (unsigned char)*bytes)) taken = -1;
    bytes += taken < 0 ? 1 : taken;
    length -= taken < 0 ? 1 : taken;
    if (taken > 0 && connection->payload_left == 0) frame_done(connection);
  }
}
