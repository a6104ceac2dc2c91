#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

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

/* User and system time of a process in seconds (proc(5): fields 14 and 15); 0 when it is gone. */
static double cpu_of(int pid) {
  char name[64], text[1024];
  snprintf(name, sizeof name, "/proc/%d/stat", pid);
  FILE *file = fopen(name, "r");
  if (file == NULL) return 0;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  char *rest = strrchr(text, ')');
  long user = 0, system = 0;
  if (rest != NULL) sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system);
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* One value for each -p, and our own behind them. */
void sample_cpu(double *out) {
  for (int i = 0; i < options.pid_count; i++) out[i] = cpu_of(options.pids[i]);
  out[options.pid_count] = own_cpu();
}

void print_cpu(const double *before, const double *after) {
  printf(",\"cpu\":{");
  for (int i = 0; i < options.pid_count; i++) {
    printf("%s\"%d\":%.3f", i == 0 ? "" : ",", options.pids[i], after[i] - before[i]);
  }
  printf("},\"clientCpu\":%.6f", after[options.pid_count] - before[options.pid_count]);
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
