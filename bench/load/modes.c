#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A run in which nothing comes any more for this long is over. */
static const double SILENCE_S = 8;

static double cpu_before;
static double began;
static long messages;
static int window;

/* Says so, because somebody else reads the CPU time of the servers now. */
static void start_clock(void) {
  printf("{\"phase\":\"begin\"}\n");
  clear_latencies();
  cpu_before = own_cpu();
  began = now();
}

static double take_sent(Connection *connection) {
  if (connection->outstanding == 0) return now();
  double sent = connection->sent_at[connection->first_sent];
  connection->first_sent = (connection->first_sent + 1) % MAX_WINDOW;
  connection->outstanding--;
  return sent;
}

/* A round in which something did not arrive is not `complete`: its figures say nothing. */
static void report(const char *mode, bool complete, long posted, unsigned long long deliveries, double ended) {
  double cpu = own_cpu() - cpu_before;
  printf("{\"phase\":\"%s\",\"complete\":%s,\"messages\":%ld,\"deliveries\":%llu,\"seconds\":%.6f,\"errors\":%ld,"
         "\"dead\":%ld",
         mode, complete ? "true" : "false", posted, deliveries, ended - began, counters.errors, counters.dead);
  print_latencies();
  printf(",\"clientCpu\":%.6f}\n", cpu);
}

/* receive: connection 0 posts -K messages; done when each connection has got -R deliveries. */
static void run_receive(void) {
  unsigned long long wanted = (unsigned long long)options.receive * (unsigned long long)counters.ready;
  start_clock();
  for (long i = 0; i < messages; i++) send_message(&connections[0]);
  unsigned long long seen = 0;
  double last = now();
  while (counters.deliveries < wanted && now() - last < SILENCE_S) {
    pump(100);
    if (counters.deliveries != seen) last = now();
    seen = counters.deliveries;
  }
  report("receive", counters.deliveries == wanted, messages, counters.deliveries, now());
}

static bool got_one;

static void lat_delivery(Connection *connection) {
  got_one = got_one || connection == &connections[1];
}

static void wait_between(void) {
  double until = now() + options.gap_us * 1e-6;
  while (now() < until) {
    pump(0);
    if (options.gap_us > 200) usleep(100);
  }
}

/* lat: connection 0 posts to connection 1, one message at a time. */
static void run_lat(void) {
  Connection *sender = &connections[0];
  on_delivery = lat_delivery;
  long done = -options.warm_up;
  for (; done < messages; done++) {
    if (done == 0) start_clock();
    got_one = false;
    send_message(sender);
    double give_up = now() + SILENCE_S;
    while (!got_one && now() < give_up) pump(1000);
    double sent = take_sent(sender);
    if (!got_one) break;
    add_latency(now() - sent);
    wait_between();
  }
  report("lat", done == messages, messages, counters.deliveries, now());
}

static long thr_received;
static long thr_counted;
static double thr_last;

/* Even connections post to the odd one beside them; each delivery lets the next post go. */
static void thr_delivery(Connection *connection) {
  long index = connection - connections;
  if (index % 2 == 0) return;
  Connection *sender = connection - 1;
  thr_last = now();
  double sent = take_sent(sender);
  if (++thr_received == options.warm_up) {
    start_clock();
  } else if (thr_received > options.warm_up) {
    add_latency(thr_last - sent);
    thr_counted++;
  }
  send_message(sender);
}

static void run_thr(void) {
  on_delivery = thr_delivery;
  if (options.warm_up == 0) start_clock();
  thr_last = now();
  for (int w = 0; w < window; w++) {
    for (int i = 0; i + 1 < options.connections; i += 2) {
      if (connections[i].state == READY) send_message(&connections[i]);
    }
  }
  while (thr_received < options.warm_up + messages && now() - thr_last < SILENCE_S) pump(200);
  report("thr", thr_counted >= messages, thr_counted, counters.deliveries, thr_last);
}

static unsigned long long fan_receivers;

/* Posts `count` messages with at most -W of them not yet with everybody. */
static void post_to_all(long count) {
  Connection *sender = &connections[0];
  unsigned long long start = counters.deliveries, seen = start;
  long sent = 0, done = 0;
  double last = now();
  while (done < count && now() - last < SILENCE_S) {
    for (; sent < count && sent - done < window; sent++) send_message(sender);
    pump(200);
    if (counters.deliveries != seen) last = now();
    seen = counters.deliveries;
    for (; done < count && seen - start >= (unsigned long long)(done + 1) * fan_receivers; done++) {
      add_latency(now() - take_sent(sender));
    }
  }
}

/* fan: connection 0 posts, every connection gets it; the latency is that of the last one. */
static void run_fan(void) {
  fan_receivers = (unsigned long long)counters.ready;
  post_to_all(options.warm_up);
  unsigned long long before = counters.deliveries;
  start_clock();
  post_to_all(messages);
  unsigned long long got = counters.deliveries - before;
  report("fan", got == (unsigned long long)messages * fan_receivers, messages, got, now());
}

void run_mode(long wanted, int in_flight) {
  messages = wanted;
  window = in_flight;
  make_room_for_latencies(messages + options.warm_up + 16);
  if (strcmp(options.mode, "lat") == 0) run_lat();
  else if (strcmp(options.mode, "thr") == 0) run_thr();
  else if (strcmp(options.mode, "fan") == 0) run_fan();
  else run_receive();
}
