#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Token file: line i is the session token of connection i.
 * Frame file: each line is `<connection>\t<frame>`; a connection sends its frames in the order of the file, each once.
 */

static char **tokens;
static long token_count;

typedef struct {
  const char *text;
  int length;
  long next;
} Frame;

static Frame *frames;
static long frame_count;

static char *read_whole(const char *name, size_t *size) {
  FILE *file = fopen(name, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
    perror(name);
    exit(2);
  }
  *size = (size_t)ftell(file);
  rewind(file);
  char *text = malloc(*size + 1);
  if (text == NULL || fread(text, 1, *size, file) != *size) {
    perror(name);
    exit(2);
  }
  text[*size] = 0;
  fclose(file);
  return text;
}

static long count_lines(const char *text) {
  long lines = 0;
  for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) lines++;
  return lines;
}

static void load_tokens(void) {
  size_t size;
  char *text = read_whole(options.token_file, &size);
  tokens = calloc((size_t)count_lines(text) + 1, sizeof *tokens);
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) tokens[token_count++] = line;
  if (token_count >= options.connections) return;
  fprintf(stderr, "load: %ld tokens for %d connections\n", token_count, options.connections);
  exit(2);
}

static void add_frame(char *line, long *last_of) {
  char *tab = strchr(line, '\t');
  long owner = strtol(line, NULL, 10);
  if (tab == NULL || owner < 0 || owner >= options.connections) return;
  long at = frame_count++;
  frames[at] = (Frame){.text = tab + 1, .length = (int)strlen(tab + 1), .next = -1};
  if (last_of[owner] < 0) connections[owner].next_frame = at;
  else frames[last_of[owner]].next = at;
  last_of[owner] = at;
}

static void load_frames(void) {
  size_t size;
  char *text = read_whole(options.frame_file, &size);
  frames = calloc((size_t)count_lines(text) + 1, sizeof *frames);
  long *last_of = malloc((size_t)options.connections * sizeof *last_of);
  for (int i = 0; i < options.connections; i++) last_of[i] = -1;
  for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) add_frame(line, last_of);
  free(last_of);
}

void load_files(void) {
  for (int i = 0; i < options.connections; i++) connections[i].next_frame = -1;
  if (options.token_file != NULL) load_tokens();
  if (options.frame_file != NULL) load_frames();
}

const char *token_of(long index) {
  return tokens == NULL ? NULL : tokens[index];
}

/* NULL when the connection has sent all of its frames. */
const char *next_frame_of(Connection *connection, int *length) {
  if (connection->next_frame < 0) return NULL;
  Frame *frame = &frames[connection->next_frame];
  connection->next_frame = frame->next;
  *length = frame->length;
  return frame->text;
}
