// In place of npm's epoll, which is compiled when it is installed: pcf8574 wants it for a Raspberry Pi's interrupt pin.

exports.Epoll = {}
