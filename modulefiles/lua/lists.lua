-- Whether a variable, a list such as PATH, has `item`.
function lists(variable, item) return (":" .. (os.getenv(variable) or "") .. ":"):find(":" .. item .. ":", 1, true) end
