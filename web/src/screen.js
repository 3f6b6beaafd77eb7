// screen.js - the guest's display.
import { problemOf, socketUrl, url } from './api.js'
import { complain, dialog, notice } from './ask.js'
import { $, button, copyText, field, fill, h, setText } from './dom.js'

const KEYSYM = { Escape: 0xff1b, Tab: 0xff09, F1: 0xffbe, F2: 0xffbf, F12: 0xffc9, Bracket: 0x5d, Ctrl: 0xffe3, Alt: 0xffe9 }

export function screenTab() {
  let rfb, timer
  let shown = false
  let wait = 1
  let fromGuest = ''

  const target = h('div.display#display', { tabindex: 0, role: 'application', 'aria-label': 'Screen of the guest; Ctrl and ] leaves it' })
  const message = h('div.empty')
  const state = h('span.muted', 'not connected')
  const scaled = h('input#scaled', { type: 'checkbox', checked: true, onchange: apply })
  const viewOnly = h('input#view-only', { type: 'checkbox', onchange: apply })
  const tools = [
    button('Ctrl-Alt-Del', () => { rfb?.sendCtrlAltDel(); rfb?.focus() }, { class: 'small' }),
    button('Esc', () => key(KEYSYM.Escape, 'Escape'), { class: 'small' }),
    button('Ctrl-]', () => { rfb?.sendKey(KEYSYM.Ctrl, 'ControlLeft', true); key(KEYSYM.Bracket, 'BracketRight'); rfb?.sendKey(KEYSYM.Ctrl, 'ControlLeft', false) }, { class: 'small' }),
    button('Clipboard', clipboard, { class: 'small' }),
    button('Full screen', () => target.requestFullscreen?.().then(() => rfb?.focus()).catch(complain), { class: 'small' }),
  ]
  const panel = h('div.screen',
    h('div.tools', h('span.status', state), h('span.space'), tools,
      h('label.check', scaled, 'scaled'), h('label.check', viewOnly, 'read-only')),
    message, target,
    h('div.tools.below', h('span.space'), h('span.muted', h('kbd', 'Ctrl'), '+', h('kbd', ']'), ' leaves the screen')))

  function key(sym, code) {
    rfb?.sendKey(sym, code)
    rfb?.focus()
  }

  function apply() {
    if (!rfb) return
    rfb.scaleViewport = scaled.checked
    rfb.viewOnly = viewOnly.checked
    target.classList.toggle('scrolls', !scaled.checked)
  }

  function usable(is) {
    for (const b of tools) b.disabled = !is
    target.hidden = !is
    message.hidden = is
  }

  async function connect() {
    clearTimeout(timer)
    if (rfb || !shown) return
    const { default: RFB } = await import('./vnc.js')
    if (rfb || !shown) return
    usable(true)
    setText(state, 'connecting')
    rfb = new RFB(target, socketUrl('display').href, { shared: true, wsProtocols: ['binary'] })
    rfb.background = 'var(--screen)'
    rfb.focusOnClick = true
    target.querySelector('canvas')?.setAttribute('role', 'img')
    target.querySelector('canvas')?.setAttribute('aria-label', 'Picture of the guest’s screen')
    apply()
    let connected = false
    rfb.addEventListener('connect', () => { connected = true; wait = 1; setText(state, 'connected') })
    rfb.addEventListener('disconnect', async () => {
      rfb = null
      if (!shown || (!connected && await noDisplay())) return
      setText(state, `disconnected; trying again in ${wait} s`)
      timer = setTimeout(() => connect().catch(complain), wait * 1000)
      wait = Math.min(wait * 2, 8)
    })
    rfb.addEventListener('credentialsrequired', askPassword)
    rfb.addEventListener('securityfailure', e => notice(`The display refused the connection: ${e.detail.reason ?? 'wrong password'}.`, { tone: 'bad' }))
    rfb.addEventListener('clipboard', e => { fromGuest = e.detail.text })
  }

  // Find out why there is no display: a refused WebSocket does not report the reason.
  async function noDisplay() {
    const response = await fetch(url('display')).catch(() => null)
    if (response?.status !== 409) return false
    const problem = await problemOf(response)
    usable(false)
    setText(state, 'no display')
    fill(message, h('h3', 'This guest has no display'), h('p', problem.message), problem.fix && h('p.fix', problem.fix))
    return true
  }

  async function askPassword() {
    const input = h('input', { type: 'password', autocomplete: 'off', autofocus: true })
    const password = await dialog('The display requires a password', close => h('form', { onsubmit: e => { e.preventDefault(); close(input.value) } },
      field('Password', input), h('div.row.end', h('button.primary', { type: 'submit' }, 'Log in'))))
    if (password !== undefined) rfb?.sendCredentials({ password })
  }

  function clipboard() {
    const text = h('textarea', { rows: 6, value: fromGuest, spellcheck: 'false' })
    dialog('Clipboard', close => [
      field('Text', text, 'Shows the text that the guest copied last. Text sent to the guest can be pasted there.'),
      h('div.row.end',
        button('Copy', async () => { await copyText(text.value); close() }),
        button('Send to the guest', () => { rfb?.clipboardPasteFrom(text.value); close() }, { class: 'primary' })),
    ])
  }

  target.addEventListener('keydown', e => {
    if (e.ctrlKey && !e.altKey && !e.shiftKey && (e.key === ']' || e.code === 'BracketRight')) {
      e.preventDefault()
      e.stopImmediatePropagation()
      rfb?.blur()
      $('tab-screen').focus()
    }
  }, true)
  target.addEventListener('focus', () => rfb?.focus())
  usable(false)

  return {
    panel,
    show() { shown = true; connect().catch(complain) },
    hide() { shown = false; clearTimeout(timer); const r = rfb; rfb = null; r?.disconnect() },
  }
}
