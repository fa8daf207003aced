/* link_delay SPACE_A SPACE_B NAME MICROSECONDS: in each of two network namespaces a tap interface NAME; what one sends
 * the other receives so much later. What tc's netem does, which not every kernel has. Says "ready" and works until it
 * is killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { kSlots = 4096, kBytes = 66000 };

struct Line {
  int from, to;
  long head, tail;  // packets that wait are [tail, head)
  long long due[kSlots];
  int size[kSlots];
  char (*bytes)[kBytes];
};

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int open_tap(const char* space, const char* name) {
  char path[200];
  snprintf(path, sizeof path, "/run/netns/%s", space);
  const int ns = open(path, O_RDONLY);
  if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) { perror(path); exit(1); }
  const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  struct ifreq request = {0};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) { perror(name); exit(1); }
  // Segments of up to 64 KiB, as a network card would take them.
  if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) != 0) { perror("TUNSETOFFLOAD"); exit(1); }
  return fd;
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  prctl(PR_SET_TIMERSLACK, 1000UL);
  const long long delay = atoll(argv[4]) * 1000;
  const int a = open_tap(argv[1], argv[3]), b = open_tap(argv[2], argv[3]);
  static struct Line lines[2];
  for (int i = 0; i < 2; ++i) {
    lines[i].from = i == 0 ? a : b;
    lines[i].to = i == 0 ? b : a;
    lines[i].bytes = malloc((size_t)kSlots * kBytes);
  }
  puts("ready");
  fflush(stdout);
  while (1) {
    long long next = -1;
    for (int i = 0; i < 2; ++i) {
      struct Line* l = &lines[i];
      while (l->head - l->tail < kSlots) {
        const long at = l->head % kSlots;
        const ssize_t n = read(l->from, l->bytes[at], kBytes);
        if (n <= 0) break;
        l->size[at] = (int)n;
        l->due[at] = now() + delay;
        ++l->head;
      }
      while (l->tail < l->head && l->due[l->tail % kSlots] <= now()) {
        const long at = l->tail++ % kSlots;
        if (write(l->to, l->bytes[at], (size_t)l->size[at]) < 0) continue;
      }
      if (l->tail < l->head) {
        const long long left = l->due[l->tail % kSlots];
        if (next < 0 || left < next) next = left;
      }
    }
    struct pollfd fds[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
    struct timespec wait = {1, 0};
    if (next >= 0) {
      const long long left = next - now();
      wait.tv_sec = 0;
      wait.tv_nsec = left > 0 ? left : 0;
    }
    ppoll(fds, 2, &wait, NULL);
  }
}
