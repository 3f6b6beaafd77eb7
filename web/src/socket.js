// socket.js - a WebSocket that reconnects.
import { socketUrl } from './api.js'

// OPEN() is called before the first bytes of a connection; DATA(Uint8Array); STATE(text, connected).
export class Socket {
  constructor(path, { open, data, state }) {
    Object.assign(this, { path, open, data, state, wait: 1, wanted: true })
    this.connect()
  }

  connect() {
    if (!this.wanted) return
    const s = this.socket = new WebSocket(socketUrl(this.path))
    s.binaryType = 'arraybuffer'
    s.onopen = () => {
      this.wait = 1
      this.open()
      this.state('connected', true)
    }
    s.onmessage = e => this.data(new Uint8Array(e.data))
    s.onclose = () => {
      if (this.socket !== s || !this.wanted) return
      this.state(`disconnected; trying again in ${this.wait} s`, false)
      this.timer = setTimeout(() => this.connect(), this.wait * 1000)
      this.wait = Math.min(this.wait * 2, 8)
    }
  }

  // In pieces: a message may have at most 64 KiB.
  send(bytes) {
    if (this.socket.readyState !== WebSocket.OPEN) return false
    for (let at = 0; at < bytes.length; at += 16384) this.socket.send(bytes.subarray(at, at + 16384))
    return true
  }

  close() {
    this.wanted = false
    clearTimeout(this.timer)
    this.socket.onclose = null
    this.socket.close()
  }
}
