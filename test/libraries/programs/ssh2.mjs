// ssh2; prints hello over ssh

import { connect, createServer, generateKeyPair } from 'nopki'
import ssh2 from 'ssh2'

const keyPair = generateKeyPair()
const hostKeys = [ssh2.utils.generateKeyPairSync('ed25519').private]
const ssh = new ssh2.Server({ hostKeys }, client => {
  client.on('authentication', it => it.accept())
  client.on('session', accept => {
    accept().on('exec', acceptExec => {
      const stream = acceptExec()
      stream.write('hello over ssh')
      stream.exit(0)
      stream.end()
    })
  })
})
const server = createServer({ keyPair, authorize: 'anyone' }, socket => ssh.injectSocket(socket))
server.listen(0, '127.0.0.1', async () => {
  const sock = await connect({ host: '127.0.0.1', port: server.address().port, serverKey: keyPair.publicKey })
  const client = new ssh2.Client()
  client.on('ready', () => {
    client.exec('greet', (_, stream) => stream.on('data', it => console.log(String(it)) ?? process.exit()))
  })
  client.connect({ sock, username: 'alice', password: 'x' })
})
