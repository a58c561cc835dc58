import { mutualTls } from './tls.js'

export default mutualTls('TLS_CHACHA20_POLY1305_SHA256')
