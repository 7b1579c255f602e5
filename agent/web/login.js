// The page for the password: it is exchanged for a session, whose token goes on in the address, as with a link of
// `lanyard web`.
const form = document.getElementById("login"),
	password = document.getElementById("password"),
	said = document.getElementById("said"),
	button = form.querySelector("button");

async function enter() {
	let got;
	try {
		got = await fetch("/login", {
			method: "POST",
			headers: { "Content-Type": "application/json" },
			body: JSON.stringify({ password: password.value }),
		});
	} catch (e) {
		return "The agent does not answer. Is lanyardd running?";
	}
	let answer = {};
	try {
		answer = await got.json();
	} catch (e) {
		/* not JSON: the status has to do */
	}
	if (!got.ok) return answer.error || "The agent answered with status " + got.status + ".";
	// This page is at "/" as well, where the other one comes only by a reload.
	location.replace("/#token=" + answer.token);
	if (location.pathname === "/") location.reload();
	return "";
}

form.addEventListener("submit", async (e) => {
	e.preventDefault();
	button.disabled = true;
	said.textContent = "";
	said.textContent = await enter();
	button.disabled = false;
	if (said.textContent) password.select();
});
