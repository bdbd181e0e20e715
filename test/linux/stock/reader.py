# Reads ST's register again and again through i2c-dev, and leaves what became of it as JSON in PLACE.report. COUNT 0: until
# reads have failed and then 20 in a row have succeeded. Ends early when nothing succeeds any more. PLACE.reading is
# there once a read has succeeded, PLACE.failed once one has failed.
import errno, json, os, sys, time
from smbus2 import SMBus

bus_number, count, place = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
values, errors = {}, {}
slowest = 0.0
streak, failures = 0, 0


def leave(end, text=""):
    # whole at once: somebody waits for it
    with open(place + ".new", "w") as file:
        file.write(text)
    os.rename(place + ".new", place + end)


with SMBus(bus_number) as bus:
    at = 0
    while at < count if count else not (errors and streak >= 20):
        at += 1
        begin = time.monotonic()
        try:
            value = bus.read_byte_data(0x54, 14)
            if not values:
                leave(".reading")
            values[hex(value)] = values.get(hex(value), 0) + 1
            streak += 1
            failures = 0
        except OSError as error:
            if not errors:
                leave(".failed")
            name = errno.errorcode[error.errno]
            errors[name] = errors.get(name, 0) + 1
            streak = 0
            failures += 1
            if count and failures >= 20:
                break
        slowest = max(slowest, time.monotonic() - begin)
leave(".report", json.dumps({"values": values, "errors": errors, "slowestMs": round(slowest * 1000)}))
