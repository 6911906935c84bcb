import { Menu, UnstyledButton } from "@mantine/core";
import { useLogout } from "../api/queries";
import type { Session } from "../api/types";
import { Icon } from "../ui/Icon";
import classes from "./UserMenu.module.css";

export function UserMenu({ session, onHelp }: { session: Session; onHelp: () => void }) {
  const logout = useLogout();
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <UnstyledButton className={classes.user}>
          <Icon name="user" size={17} stroke={1.8} />
          <span>{session.user}</span>
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {session.user}, {session.role}
        </Menu.Label>
        <Menu.Item leftSection={<Icon name="keyboard" />} onClick={onHelp}>
          Keyboard
        </Menu.Item>
        <Menu.Item leftSection={<Icon name="right" />} onClick={() => logout.mutate()}>
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
