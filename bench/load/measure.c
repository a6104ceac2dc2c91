#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double *latencies;
static long latency_count;
static long latency_room;

double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double own_cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  long micros = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)micros * 1e-6;
}

void make_room_for_latencies(long count) {
  latency_room = count;
  latency_count = 0;
  latencies = realloc(latencies, (size_t)count * sizeof *latencies);
}

void add_latency(double seconds) {
  if (latency_count < latency_room) latencies[latency_count++] = seconds;
}

void clear_latencies(void) {
  latency_count = 0;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double quantile(int per_mille) {
  return latencies[(latency_count - 1) * per_mille / 1000] * 1e6;
}

/* Microseconds. */
void print_latencies(void) {
  if (latency_count == 0) return;
  qsort(latencies, (size_t)latency_count, sizeof *latencies, compare);
  printf(",\"latencies\":%ld,\"p50\":%.0f,\"p90\":%.0f,\"p99\":%.0f,\"p999\":%.0f,\"max\":%.0f", latency_count,
         quantile(500), quantile(900), quantile(990), quantile(999), quantile(1000));
}
