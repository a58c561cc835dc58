import { mutualTls } from './tls.js'

export default mutualTls('TLS_AES_256_GCM_SHA384')
