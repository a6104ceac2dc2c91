/*
 * A lean load tool for WebSocket servers on this machine: one thread, one epoll loop, no allocation for each message,
 * so that what is measured is the server. It refuses every target outside 127.0.0.0/8 and ends by itself (-D).
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>

enum { MAX_STEPS = 8, MAX_WINDOW = 256, MAX_ROUNDS = 4, PREFIX_BYTES = 320, MAX_FRAME_BYTES = 70000 };

typedef enum { CONNECTING, HANDSHAKE, SCRIPT, READY, DEAD } State;

/* One step of the set-up of a connection: a text to send, or a text that has to come. */
typedef struct {
  bool expect;
  const char *text;
} Step;

typedef struct {
  char host[64];
  int port;
  const char *path;
  int connections;
  /* 127.0.1.<1…sources> are the clients' addresses: more than 28,000 connections need several. */
  int sources;
  /* Connections that may be on their way at the same time. */
  int in_flight;
  Step steps[MAX_STEPS];
  int step_count;
  const char *mode;
  /* What is sent where there is no file of frames: %i own index, %p the peer's (i ^ 1), %B body, %% percent. */
  const char *template;
  int body_bytes;
  const char *token_file;
  const char *frame_file;
  /* A frame that holds this in its first PREFIX_BYTES bytes is a delivery, or a refusal. */
  const char *delivery_marker;
  const char *error_marker;
  long warm_up;
  /* The mode runs once for each round: -K and -W take lists. */
  long messages[MAX_ROUNDS];
  int windows[MAX_ROUNDS];
  int rounds;
  /* Microseconds between two messages of mode lat. */
  int gap_us;
  /* Mode receive: deliveries that each connection waits for. */
  long receive;
  bool gated;
  int deadline_s;
} Options;

typedef struct {
  int fd;
  State state;
  int step;
  /* What came during the set-up; freed when the connection is ready. */
  char *text;
  int text_length;
  unsigned char header[14];
  int header_length;
  unsigned long long payload_left;
  int opcode;
  char prefix[PREFIX_BYTES + 1];
  int prefix_length;
  /* When the posts were sent that have no delivery yet: a ring, because one sender's posts stay in order. */
  double *sent_at;
  int first_sent;
  int outstanding;
  long next_frame;
  long deliveries;
} Connection;

typedef struct {
  long started;
  long pending;
  long ready;
  long dead;
  long errors;
  unsigned long long deliveries;
  bool gate_open;
} Counters;

extern Options options;
extern Connection *connections;
extern Counters counters;
/* Called for each delivery. */
extern void (*on_delivery)(Connection *connection);

/* options.c */
void read_options(int argc, char **argv);

/* files.c */
void load_files(void);
const char *token_of(long index);
const char *next_frame_of(Connection *connection, int *length);

/* connection.c */
void open_loop(void);
void connect_all(void);
void pump(int timeout_ms);
void drop(Connection *connection, const char *why);
void wait_for_gate(void);

/* websocket.c */
void send_raw(Connection *connection, const char *bytes, int length);
void send_frame(Connection *connection, const char *payload, int length, int opcode);
void send_message(Connection *connection);
void read_frames(Connection *connection, const char *bytes, int length);
int fill_template(const char *template, long index, char *out);

/* measure.c */
double now(void);
double own_cpu(void);
void add_latency(double seconds);
void clear_latencies(void);
void print_latencies(void);
void make_room_for_latencies(long count);

/* modes.c */
void run_mode(long messages, int window);

#endif
