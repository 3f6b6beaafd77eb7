// login.js - reports a wrong token, and extracts the token from a pasted link.
const token = document.getElementById('token')
const wrong = document.getElementById('wrong')

if (/\/login$|[?&]token=/.test(location.pathname + location.search))
  wrong.textContent = 'This token is wrong, or from an earlier start.'

token.addEventListener('input', () => {
  const m = token.value.match(/[?&]token=([^&\s]+)/)
  if (m) token.value = decodeURIComponent(m[1])
})

const form = document.querySelector('form')
form.action = new URL(location.pathname.endsWith('/login') ? 'login' : './login', location.href)
