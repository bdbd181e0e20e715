// The MPU6050 by npm's mpu6050-gyro: nothing but Sync methods, a byte at a time.

const Gyroscope = require("mpu6050-gyro")

console.log(JSON.stringify(new Gyroscope(1, 0x68).get_accel_xyz()))
