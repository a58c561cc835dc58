// A process that opens connections which never finish their handshake: sends 4 bytes of a version 2 hello on each, and holds them.

import net from 'node:net'

const [port, count] = process.argv.slice(2).map(Number) as [number, number]
let open = 0

for (let started = 0; started < count; ) {
  await Promise.all(Array.from({ length: Math.min(200, count - started) }, connectOne))
  started += Math.min(200, count - started)
}
process.send?.(open)
process.on('message', () => process.exit(0))

function connectOne(): Promise<void> {
  return new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1', () => {
      open++
      socket.write('npk2', () => resolve())
    })
    socket.on('error', () => resolve())
  })
}
