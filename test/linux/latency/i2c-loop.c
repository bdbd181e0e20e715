// Runs in the guest: times I2C_RDWR transfers of several kinds on /dev/i2c-0, COUNT of each, or of the KIND that is
// named only, and prints one line for each kind: name, then the 50th and 99th percentile and the minimum in microseconds.
#include <errno.h>
#include <fcntl.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum { CHIP = 0x48, NOBODY = 0x49 };

static unsigned char registerNumber[1] = {0x20};
static unsigned char block[33] = {0x20};
static unsigned char into[32];

static struct i2c_msg quick[] = {{CHIP, 0, 0, block}};
static struct i2c_msg readOne[] = {{CHIP, 0, 1, registerNumber}, {CHIP, I2C_M_RD, 1, into}};
static struct i2c_msg readMany[] = {{CHIP, 0, 1, registerNumber}, {CHIP, I2C_M_RD, 32, into}};
static struct i2c_msg writeMany[] = {{CHIP, 0, 33, block}};
static struct i2c_msg nobody[] = {{NOBODY, 0, 1, registerNumber}};

static const struct {
  const char *name;
  struct i2c_rdwr_ioctl_data transfer;
  int isOk;
} kinds[] = {
    {"quick", {quick, 1}, 1},           {"w1+r1", {readOne, 2}, 1}, {"w1+r32", {readMany, 2}, 1},
    {"w33", {writeMany, 1}, 1}, {"nack", {nobody, 1}, 0},
};

static double nowUs(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int compare(const void *one, const void *other) {
  double difference = *(const double *)one - *(const double *)other;
  return difference < 0 ? -1 : difference > 0;
}

int main(int argc, char **argv) {
  int count = argc > 1 ? atoi(argv[1]) : 1000;
  double *times = calloc(count, sizeof *times);
  int bus = open("/dev/i2c-0", O_RDWR);
  if (!times || bus < 0) {
    perror("/dev/i2c-0");
    return 1;
  }
  for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
    if (argc > 2 && strcmp(argv[2], kinds[kind].name) != 0) continue;
    for (int at = 0; at < count; at++) {
      struct i2c_rdwr_ioctl_data transfer = kinds[kind].transfer;
      double before = nowUs();
      int result = ioctl(bus, I2C_RDWR, &transfer);
      times[at] = nowUs() - before;
      if ((result == (int)transfer.nmsgs) != kinds[kind].isOk) {
        fprintf(stderr, "%s, transfer %d: result %d, %s\n", kinds[kind].name, at, result, strerror(errno));
        return 1;
      }
    }
    qsort(times, count, sizeof *times, compare);
    printf("%s %.1f %.1f %.1f\n", kinds[kind].name, times[count / 2], times[count * 99 / 100], times[0]);
    fflush(stdout);
  }
  return 0;
}
