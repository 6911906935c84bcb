import { Alert, Button, PasswordInput, TextInput } from "@mantine/core";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { Navigate, useNavigate, useSearchParams } from "react-router";
import { isUnauthorized } from "../api/client";
import { useLogin, useSession } from "../api/queries";
import { Icon } from "../ui/Icon";
import classes from "./LoginPage.module.css";

/** Only paths of this site: a link must not lead elsewhere after the login. */
function target(wanted: string | null): string {
  return wanted !== null && /^\/(?![/\\])/.test(wanted) ? wanted : "/";
}

function reason(error: unknown): string {
  if (isUnauthorized(error)) return "The name or the password is wrong.";
  return error instanceof Error ? `Login failed: ${error.message}.` : "Login failed.";
}

export function LoginPage() {
  const [params] = useSearchParams();
  const to = target(params.get("to"));
  const navigate = useNavigate();
  const session = useSession();
  const login = useLogin();
  const name = useRef<HTMLInputElement>(null);
  useEffect(() => name.current?.focus(), []);
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");

  if (session.isSuccess && !login.isPending) return <Navigate to={to} replace />;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    login.mutate({ user, password }, { onSuccess: () => void navigate(to, { replace: true }) });
  };

  return (
    <main className={classes.page}>
      <form className={classes.card} onSubmit={submit}>
        <img src="/favicon.svg" width={44} height={44} alt="" />
        <h1 className={classes.title}>Storeward</h1>
        <p className={classes.lead}>The console that knows whether every store is selling.</p>
        <TextInput
          label="Name"
          name="user"
          autoComplete="username"
          ref={name}
          required
          withAsterisk={false}
          value={user}
          onChange={(e) => setUser(e.currentTarget.value)}
        />
        <PasswordInput
          label="Password"
          name="password"
          autoComplete="current-password"
          required
          withAsterisk={false}
          value={password}
          onChange={(e) => setPassword(e.currentTarget.value)}
        />
        <Button type="submit" fullWidth loading={login.isPending} mt={4}>
          Log in
        </Button>
        <div className={classes.error} aria-live="assertive">
          {login.isError && (
            <Alert color="red" variant="light" p="sm" icon={<Icon name="degraded" />}>
              {reason(login.error)}
            </Alert>
          )}
        </div>
      </form>
    </main>
  );
}
