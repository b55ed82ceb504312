-- What the clients of Supabase call, besides the table of the demo. Both functions are held by its policies.

create function public.count_notes() returns bigint
language sql stable
as 'select count(*) from public.note';

create function public.add_note(title text) returns public.note
language sql volatile
as 'insert into public.note (title) values (add_note.title) returning note';
