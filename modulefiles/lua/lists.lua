-- Returns whether a list variable such as PATH contains `item`.
function lists(variable, item) return (":" .. (os.getenv(variable) or "") .. ":"):find(":" .. item .. ":", 1, true) end
