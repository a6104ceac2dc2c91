#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum { EVENTS = 512, SETUP_BYTES = 16384, READ_BYTES = 262144 };

Connection *connections;
Counters counters;
void (*on_delivery)(Connection *connection);

static int loop;
static char received[READ_BYTES];
static char request[MAX_FRAME_BYTES];

/* The gate is standard input: one line, or its end, opens it. */
void open_loop(void) {
  loop = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (options.gated) epoll_ctl(loop, EPOLL_CTL_ADD, STDIN_FILENO, &event);
}

void drop(Connection *connection, const char *why) {
  if (connection->state == DEAD) return;
  if (connection->state == READY) counters.ready--;
  else counters.pending--;
  if (counters.dead++ < 3) fprintf(stderr, "load: connection %ld: %s\n", (long)(connection - connections), why);
  connection->state = DEAD;
  close(connection->fd);
  free(connection->text);
  connection->text = NULL;
}

static struct sockaddr_in address_of(const char *text, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  inet_pton(AF_INET, text, &address.sin_addr);
  return address;
}

static void start_next(void) {
  long index = counters.started++;
  Connection *connection = &connections[index];
  connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  counters.pending++;
  if (connection->fd < 0) return drop(connection, strerror(errno));
  int one = 1;
  setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(connection->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  char source[32];
  snprintf(source, sizeof source, "127.0.1.%d", (int)(1 + index % options.sources));
  struct sockaddr_in from = address_of(source, 0);
  struct sockaddr_in to = address_of(options.host, options.port);
  bind(connection->fd, (struct sockaddr *)&from, sizeof from);
  if (connect(connection->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
    return drop(connection, strerror(errno));
  }
  struct epoll_event event = {.events = EPOLLOUT, .data.ptr = connection};
  epoll_ctl(loop, EPOLL_CTL_ADD, connection->fd, &event);
}

static void send_handshake(Connection *connection) {
  const char *token = token_of(connection - connections);
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
                        options.path, options.host, options.port);
  if (token != NULL) {
    length += snprintf(request + length, sizeof request - (size_t)length,
                       "Sec-WebSocket-Protocol: dcp-v1, dcp.bearer.%s\r\n", token);
  }
  length += snprintf(request + length, sizeof request - (size_t)length, "\r\n");
  send_raw(connection, request, length);
}

static void connected(Connection *connection) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return drop(connection, strerror(error));
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  epoll_ctl(loop, EPOLL_CTL_MOD, connection->fd, &event);
  connection->text = malloc(SETUP_BYTES);
  connection->state = HANDSHAKE;
  send_handshake(connection);
}

/* Sends until the next text that has to come; without one the connection is ready. */
static void run_script(Connection *connection) {
  static char text[MAX_FRAME_BYTES];
  while (connection->step < options.step_count && !options.steps[connection->step].expect) {
    int length = fill_template(options.steps[connection->step++].text, connection - connections, text);
    send_frame(connection, text, length, 1);
    if (connection->state == DEAD) return;
  }
  if (connection->step < options.step_count) return;
  connection->state = READY;
  counters.pending--;
  counters.ready++;
  free(connection->text);
  connection->text = NULL;
}

static void forget_until(Connection *connection, const char *end) {
  connection->text_length -= (int)(end - connection->text);
  memmove(connection->text, end, (size_t)connection->text_length + 1);
}

/* True when what came completes a step of the set-up. */
static bool advance(Connection *connection) {
  bool handshake = connection->state == HANDSHAKE;
  const char *wanted = handshake ? "\r\n\r\n" : options.steps[connection->step].text;
  char *found = memmem(connection->text, (size_t)connection->text_length, wanted, strlen(wanted));
  if (found == NULL) return false;
  if (handshake && strncmp(connection->text, "HTTP/1.1 101", 12) != 0) {
    fprintf(stderr, "load: %.200s\n", connection->text);
    drop(connection, "upgrade refused");
    return false;
  }
  forget_until(connection, found + strlen(wanted));
  if (handshake) connection->state = SCRIPT;
  else connection->step++;
  run_script(connection);
  return connection->state == SCRIPT;
}

static void read_setup(Connection *connection, const char *bytes, int length) {
  if (connection->text_length + length >= SETUP_BYTES) connection->text_length = 0;
  if (length >= SETUP_BYTES) length = SETUP_BYTES - 1;
  memcpy(connection->text + connection->text_length, bytes, (size_t)length);
  connection->text_length += length;
  connection->text[connection->text_length] = 0;
  while (advance(connection)) continue;
}

static void read_connection(Connection *connection) {
  ssize_t length = recv(connection->fd, received, sizeof received, 0);
  if (length == 0) return drop(connection, "end of stream");
  if (length < 0) {
    if (errno != EAGAIN) drop(connection, strerror(errno));
    return;
  }
  if (connection->state == READY) read_frames(connection, received, (int)length);
  else read_setup(connection, received, (int)length);
}

static void read_gate(void) {
  char byte;
  if (read(STDIN_FILENO, &byte, 1) == 0) epoll_ctl(loop, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
  counters.gate_open = true;
}

void pump(int timeout_ms) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(loop, events, EVENTS, timeout_ms);
  for (int i = 0; i < count; i++) {
    Connection *connection = events[i].data.ptr;
    if (connection == NULL) read_gate();
    else if (connection->state == CONNECTING) connected(connection);
    else if (connection->state != DEAD) read_connection(connection);
  }
}

void connect_all(void) {
  while (counters.ready + counters.dead < options.connections) {
    while (counters.started < options.connections && counters.pending < options.in_flight) start_next();
    pump(50);
  }
}

void wait_for_gate(void) {
  if (!options.gated) return;
  counters.gate_open = false;
  while (!counters.gate_open) pump(1000);
}
