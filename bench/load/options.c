#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Options options = {
    .path = "/",
    .connections = 1,
    .sources = 1,
    .in_flight = 100,
    .mode = "receive",
    .template = "x",
    .body_bytes = 300,
    .messages = {1000},
    .windows = {1},
    .rounds = 1,
    .deadline_s = 300,
};

static void fail(const char *text) {
  fprintf(stderr, "load: %s\n", text);
  exit(2);
}

static void set_target(const char *text) {
  const char *colon = strchr(text, ':');
  if (colon == NULL || strncmp(text, "127.", 4) != 0) fail("-t 127.x.x.x:port (loopback only)");
  snprintf(options.host, sizeof options.host, "%.*s", (int)(colon - text), text);
  options.port = atoi(colon + 1);
}

static void add_step(bool expect, const char *text) {
  if (options.step_count == MAX_STEPS) fail("too many steps");
  options.steps[options.step_count++] = (Step){.expect = expect, .text = text};
}

/* Comma-separated numbers; returns how many. */
static int read_list(const char *text, long *out) {
  int count = 0;
  for (char *end; count < MAX_ROUNDS; text = end + 1) {
    out[count++] = strtol(text, &end, 10);
    if (*end != ',') break;
  }
  return count;
}

static void set_windows(const char *text) {
  long windows[MAX_ROUNDS];
  options.rounds = read_list(text, windows);
  for (int i = 0; i < options.rounds; i++) {
    if (windows[i] < 1 || windows[i] > MAX_WINDOW) fail("-W 1…256");
    options.windows[i] = (int)windows[i];
  }
}

static void set_option(int option, const char *value) {
  switch (option) {
  case 't': set_target(value); break;
  case 'w': options.path = value; break;
  case 'n': options.connections = atoi(value); break;
  case 'S': options.sources = atoi(value); break;
  case 'C': options.in_flight = atoi(value); break;
  case 's': add_step(false, value); break;
  case 'x': add_step(true, value); break;
  case 'M': options.mode = value; break;
  case 'T': options.template = value; break;
  case 'L': options.body_bytes = atoi(value); break;
  case 'a': options.token_file = value; break;
  case 'f': options.frame_file = value; break;
  case 'k': options.delivery_marker = value; break;
  case 'e': options.error_marker = value; break;
  case 'K': read_list(value, options.messages); break;
  case 'u': options.warm_up = atol(value); break;
  case 'W': set_windows(value); break;
  case 'g': options.gap_us = atoi(value); break;
  case 'R': options.receive = atol(value); break;
  case 'G': options.gated = true; break;
  case 'D': options.deadline_s = atoi(value); break;
  default: exit(2);
  }
}

void read_options(int argc, char **argv) {
  int option;
  while ((option = getopt(argc, argv, "t:w:n:S:C:s:x:M:T:L:a:f:k:e:K:u:W:g:R:GD:")) > 0) set_option(option, optarg);
  if (options.port == 0) fail("-t 127.0.0.1:port is required");
  if (options.sources < 1 || options.sources > 200) fail("-S 1…200");
  if (options.connections < 1 || options.connections > 19990) fail("-n 1…19990: one process may open 20,000 files");
  if (options.body_bytes < 0 || options.body_bytes > 60000) fail("-L 0…60000");
}
