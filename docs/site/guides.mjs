// The guides of docs/ in the order in which one reads them, by what a reader wants. A guide that is not here fails the build.

export const GUIDES = {
  "Start here": ["devices", "own-chips", "i2c-bus", "dashboard", "trace", "wireshark"],
  "With a board": ["boards"],
  "In Linux": ["linux"],
  "Your own implementation": ["conform-your-own", "conformance", "bus", "bridge", "notes-for-the-authors"],
  Reference: ["performance", "faults", "security"],
}
