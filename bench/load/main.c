#define _GNU_SOURCE
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * load -t 127.0.0.1:PORT -w PATH -n CONNECTIONS -M receive|lat|thr|fan …        (options: options.c)
 * Prints one JSON object when all connections are set up, one when the measured part of a round begins and one when it
 * ends. With -G it waits before each round and before the end for a line on standard input.
 */

static void raise_file_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static void set_up(void) {
  double began = now();
  connect_all();
  printf("{\"phase\":\"setup\",\"ready\":%ld,\"dead\":%ld,\"seconds\":%.6f}\n", counters.ready, counters.dead,
         now() - began);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGPIPE, SIG_IGN);
  read_options(argc, argv);
  alarm((unsigned)options.deadline_s);
  raise_file_limit();
  connections = calloc((size_t)options.connections, sizeof *connections);
  double *rings = calloc((size_t)options.connections * MAX_WINDOW, sizeof *rings);
  for (int i = 0; i < options.connections; i++) connections[i].sent_at = rings + (size_t)i * MAX_WINDOW;
  load_files();
  open_loop();
  set_up();
  wait_for_gate();
  for (int round = 0; round < options.rounds; round++) {
    run_mode(options.messages[round], options.windows[round]);
    wait_for_gate();
  }
  return counters.errors == 0 && counters.dead == 0 ? 0 : 3;
}
