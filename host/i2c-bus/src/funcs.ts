// What the bus can do, with the names of i2c-bus. It is the same as Linux reports for its own i2c-virtio adapter
// (`virtio-msg i2c detect -F`).

const funcs = {
  i2c: true,
  tenBitAddr: false,
  protocolMangling: false,
  smbusPec: true,
  // the chip decides the length of a block, but virtio-i2c has to know it before the request
  smbusBlockProcCall: false,
  smbusQuick: true,
  smbusReceiveByte: true,
  smbusSendByte: true,
  smbusReadByte: true,
  smbusWriteByte: true,
  smbusReadWord: true,
  smbusWriteWord: true,
  smbusProcCall: true,
  smbusReadBlock: false,
  smbusWriteBlock: true,
  smbusReadI2cBlock: true,
  smbusWriteI2cBlock: true,
}

export type I2CFuncs = Readonly<typeof funcs>

export const FUNCS: I2CFuncs = Object.freeze(funcs)
