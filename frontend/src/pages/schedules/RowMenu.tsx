import { Icon } from "../../components/Icon";
import { Menu } from "../../components/Menu";
import { isDeclared, type Schedule } from "../../schedules";
import { useResume, type Asked } from "./ScheduleDialogs";

interface RowMenuProps {
  readonly schedule: Schedule;
  readonly onAsk: (asked: Asked) => void;
}

/** What can be done with a schedule, in its row. */
export function RowMenu({ schedule, onAsk }: RowMenuProps) {
  const { name, paused } = schedule;
  const { resume } = useResume(name);
  return (
    <Menu label={`What to do with ${name}`}>
      <button type="button" className="menu-item" onClick={() => { onAsk("run"); }}>
        <Icon name="play" />
        Run now
      </button>
      {paused ? (
        <button type="button" className="menu-item" onClick={resume}>
          <Icon name="retry" />
          Resume
        </button>
      ) : (
        <button type="button" className="menu-item" onClick={() => { onAsk("pause"); }}>
          <Icon name="pause" />
          Pause
        </button>
      )}
      {!isDeclared(schedule) && (
        <>
          <a className="menu-item" href={`#/schedules/${encodeURIComponent(name)}/edit`}>
            <Icon name="edit" />
            Edit
          </a>
          <button type="button" className="menu-item" onClick={() => { onAsk("delete"); }}>
            <Icon name="trash" />
            Remove
          </button>
        </>
      )}
    </Menu>
  );
}
