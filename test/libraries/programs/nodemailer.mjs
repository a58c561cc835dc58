// nodemailer; prints hello by mail
import nodemailer from 'nodemailer'
import { connect, createServer, generateKeyPair } from 'nopki'
import { SMTPServer } from 'smtp-server'

const keyPair = generateKeyPair()
const mail = new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData(stream, _, callback) {
    let text = ''
    stream.on('data', it => (text += it))
    stream.on('end', () => {
      console.log(text.trimEnd().split('\r\n').at(-1))
      callback()
    })
  },
})
const server = createServer({ keyPair, authorize: 'anyone' }, socket => mail.server.emit('connection', socket))
server.listen(0, '127.0.0.1', async () => {
  const target = { host: '127.0.0.1', port: server.address().port, serverKey: keyPair.publicKey }
  const getSocket = (_, callback) => connect(target).then(connection => callback(null, { connection }), callback)
  const transport = nodemailer.createTransport({ host: 'service', ignoreTLS: true, getSocket })
  await transport.sendMail({ from: 'a@example.org', to: 'b@example.org', subject: 'x', text: 'hello by mail' })
  process.exit()
})
