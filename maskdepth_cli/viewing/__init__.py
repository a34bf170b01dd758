"""What people look at: colour maps, panels, galleries, point clouds, bokeh."""
