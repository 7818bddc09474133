/* A provider on loopback that costs next to nothing: Chat Completions and Messages, whole or streamed.
 *
 * provider PORT. GET /set?pieces=N&gap_us=N&first_us=N&size=N sets how it answers, GET /count says
 * what came. Every streamed piece is "tk_<16 digits of monotonic microseconds>_ ", so that the
 * driver counts the pieces and sees the age of each, whatever was reframed in between. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long long u64;
typedef struct Conn {
  int fd, is_anthropic, is_streaming, left, wants_usage, waits_to_write;
  char *in, *out;
  size_t in_len, in_cap, out_len, out_done, out_cap;
  u64 due;
  struct Conn *next, *prev;
  int is_queued;
} Conn;

static int poll_fd;
static Conn *head, *tail; /* streams by when they are due */
static long pieces = 200, gap_us, first_us, size = 400;
static u64 requests, streams, body_bytes, connections, aborted;
static char filler[1 << 20];

static u64 now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u64)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void leave_queue(Conn *c) {
  if (!c->is_queued) return;
  if (c->prev) c->prev->next = c->next; else head = c->next;
  if (c->next) c->next->prev = c->prev; else tail = c->prev;
  c->next = c->prev = NULL;
  c->is_queued = 0;
}

static void enter_queue(Conn *c) {
  Conn *p = tail;
  while (p && p->due > c->due) p = p->prev;
  c->prev = p;
  c->next = p ? p->next : head;
  if (c->next) c->next->prev = c; else tail = c;
  if (p) p->next = c; else head = c;
  c->is_queued = 1;
}

static void put(Conn *c, const char *text, size_t n) {
  if (c->out_len + n > c->out_cap) c->out = realloc(c->out, c->out_cap = (c->out_len + n) * 2);
  memcpy(c->out + c->out_len, text, n);
  c->out_len += n;
}

static void say(Conn *c, int is_chunk, const char *format, ...) {
  char text[4096], length[16];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (is_chunk) put(c, length, sprintf(length, "%x\r\n", n));
  put(c, text, n);
  if (is_chunk) put(c, "\r\n", 2);
}

static void drop(Conn *c) {
  if (c->is_streaming) aborted++;
  leave_queue(c);
  close(c->fd);
  free(c->in);
  free(c->out);
  free(c);
}

static void watch(Conn *c, int op, int writes) {
  struct epoll_event e = {EPOLLIN | (writes ? EPOLLOUT : 0), {c}};
  epoll_ctl(poll_fd, op, c->fd, &e);
  c->waits_to_write = writes;
}

static int flush(Conn *c) { /* 1 all is out, 0 the peer is slow, -1 it is gone */
  while (c->out_done < c->out_len) {
    ssize_t n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return -1;
    if (n < 0) {
      if (!c->waits_to_write) watch(c, EPOLL_CTL_MOD, 1);
      return 0;
    }
    c->out_done += n;
  }
  c->out_done = c->out_len = 0;
  if (c->out_cap > 65536) free(c->out), c->out = NULL, c->out_cap = 0;
  if (c->waits_to_write) watch(c, EPOLL_CTL_MOD, 0);
  return 1;
}

#define CHUNK "data: {\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion.chunk\",\"created\":1760000000," \
  "\"model\":\"gpt-5.4\",\"choices\":["
#define HEAD "HTTP/1.1 200 OK\r\nrequest-id: req_mock\r\nx-request-id: req_mock\r\ncontent-type: "

static void open_stream(Conn *c) {
  say(c, 0, HEAD "text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
            "transfer-encoding: chunked\r\n\r\n");
  if (!c->is_anthropic) {
    say(c, 1, CHUNK "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
              "\"finish_reason\":null}]}\n\n");
    return;
  }
  say(c, 1, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_mock\","
            "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-haiku-4-5\",\"content\":[],"
            "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
            "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":1}}}\n\n");
  say(c, 1, "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
            "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
  say(c, 1, "event: ping\ndata: {\"type\": \"ping\"}\n\n");
}

static void piece(Conn *c) {
  if (c->is_anthropic)
    say(c, 1, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
              "\"delta\":{\"type\":\"text_delta\",\"text\":\"tk_%016llu_ \"}}\n\n", now_us());
  else
    say(c, 1, CHUNK "{\"index\":0,\"delta\":{\"content\":\"tk_%016llu_ \"},\"finish_reason\":null}]}\n\n",
        now_us());
}

static void close_stream(Conn *c) {
  if (c->is_anthropic) {
    say(c, 1, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n");
    say(c, 1, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
              "\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":%ld}}\n\n", pieces);
    say(c, 1, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
  } else {
    say(c, 1, CHUNK "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    if (c->wants_usage)
      say(c, 1, CHUNK "],\"usage\":{\"prompt_tokens\":25,\"completion_tokens\":%ld,"
                "\"total_tokens\":%ld}}\n\n", pieces, pieces + 25);
    say(c, 1, "data: [DONE]\n\n");
  }
  put(c, "0\r\n\r\n", 5);
  c->is_streaming = 0;
}

static void whole(Conn *c, const char *before, const char *after) {
  say(c, 0, HEAD "application/json\r\ncontent-length: %zu\r\n\r\n",
      strlen(before) + size + strlen(after));
  put(c, before, strlen(before));
  put(c, filler, size);
  put(c, after, strlen(after));
}

static int is_asked(const char *body, size_t n, const char *name) {
  const char *at = memmem(body, n, name, strlen(name));
  if (!at) return 0;
  for (at += strlen(name); at < body + n && (*at == ' ' || *at == ':'); at++);
  return at < body + n && *at == 't';
}

static void set(const char *path, const char *name, long *value) {
  const char *at = strstr(path, name);
  if (at) *value = atol(at + strlen(name));
}

static void answer(Conn *c, const char *path, const char *body, size_t n) {
  if (strstr(path, "/set") || strstr(path, "/count")) {
    char text[200];
    set(path, "pieces=", &pieces), set(path, "gap_us=", &gap_us);
    set(path, "first_us=", &first_us), set(path, "size=", &size);
    int length = sprintf(text, "{\"requests\":%llu,\"streams\":%llu,\"body_bytes\":%llu,"
                         "\"connections\":%llu,\"aborted\":%llu}",
                         requests, streams, body_bytes, connections, aborted);
    say(c, 0, HEAD "application/json\r\ncontent-length: %d\r\n\r\n%s", length, text);
    return;
  }
  requests++, body_bytes += n;
  c->is_anthropic = strstr(path, "/messages") != NULL;
  if (is_asked(body, n, "\"stream\"")) {
    streams++, c->is_streaming = 1, c->left = pieces;
    c->wants_usage = is_asked(body, n, "\"include_usage\"");
    open_stream(c);
    c->due = now_us() + first_us;
    enter_queue(c);
  } else if (c->is_anthropic) {
    whole(c, "{\"id\":\"msg_mock\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-haiku-4-5\","
             "\"content\":[{\"type\":\"text\",\"text\":\"mock-ok ",
          "\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,"
          "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":100}}");
  } else {
    whole(c, "{\"id\":\"chatcmpl-mock\",\"object\":\"chat.completion\",\"created\":1760000000,"
             "\"model\":\"gpt-5.4\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
             "\"content\":\"mock-ok ",
          "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":"
          "{\"prompt_tokens\":25,\"completion_tokens\":100,\"total_tokens\":125}}");
  }
}

static int take(Conn *c) { /* 1 one request was taken, 0 it is not whole yet, -1 it is none */
  char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4), *path = NULL;
  if (!end) return 0;
  *end = 0;
  char *stated = strcasestr(c->in, "\r\ncontent-length:");
  size_t body = stated ? strtoul(stated + 17, NULL, 10) : 0, used = end - c->in + 4;
  *end = '\r';
  if (c->in_len < used + body) return 0;
  if (!(path = memchr(c->in, ' ', used))) return -1;
  path++;
  char *stop = memchr(path, ' ', used - (path - c->in));
  if (!stop) return -1;
  *stop = 0;
  answer(c, path, c->in + used, body);
  c->in_len -= used + body;
  memmove(c->in, c->in + used + body, c->in_len);
  if (!c->in_len && c->in_cap > 65536) free(c->in), c->in = NULL, c->in_cap = 0;
  return 1;
}

static int receive(Conn *c) { /* 0 more may come, -1 the peer is gone */
  for (;;) {
    if (c->in_cap - c->in_len < 16384)
      c->in = realloc(c->in, (c->in_cap = c->in_cap * 2 + 32768) + 1);
    ssize_t n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return -1;
    if (n < 0) return 0;
    c->in_len += n;
  }
}

static int serve_next(Conn *c) {
  int taken = 0;
  while (!c->is_streaming && c->in_len && (taken = take(c)) > 0);
  return taken < 0 || (c->out_len && flush(c) < 0) ? -1 : 0;
}

static void run_streams(void) {
  u64 t = now_us();
  Conn *c;
  for (int n = 0; (c = head) && c->due <= t && n < 512; n++) {
    leave_queue(c);
    if (c->out_len - c->out_done > 262144) { /* a slow reader */
      c->due = t + 200;
      enter_queue(c);
      continue;
    }
    if (c->left-- > 0) piece(c);
    if (c->left <= 0) {
      close_stream(c);
    } else {
      c->due = gap_us ? c->due + gap_us : t;
      enter_queue(c);
    }
    if (flush(c) < 0 || (!c->is_streaming && serve_next(c) < 0)) drop(c);
  }
}

int main(int count, char **args) {
  int one = 1, listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in at = {AF_INET, htons(atoi(args[count - 1])), {htonl(INADDR_LOOPBACK)}};
  struct epoll_event events[256], first = {EPOLLIN, {NULL}};
  signal(SIGPIPE, SIG_IGN);
  for (size_t i = 0; i < sizeof filler; i++) filler[i] = i % 6 == 5 ? ' ' : "lorem"[i % 5];
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listening, (void *)&at, sizeof at) || listen(listening, 8192)) return perror("bind"), 1;
  poll_fd = epoll_create1(0);
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, listening, &first);
  for (;;) {
    u64 t = now_us();
    int wait = !head ? -1 : head->due <= t ? 0 : (int)((head->due - t + 999) / 1000);
    int n = epoll_wait(poll_fd, events, 256, wait);
    for (int i = 0; i < n; i++) {
      Conn *c = events[i].data.ptr;
      for (int fd; !c && (fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0; connections++) {
        Conn *made = calloc(1, sizeof *made);
        made->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(made, EPOLL_CTL_ADD, 0);
      }
      if (!c) continue;
      int is_gone = (events[i].events & EPOLLOUT) && flush(c) < 0;
      if (!is_gone && (events[i].events & ~EPOLLOUT)) is_gone = receive(c) < 0 || serve_next(c) < 0;
      if (is_gone) drop(c);
    }
    run_streams();
  }
}
